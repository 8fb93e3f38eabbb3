"""What the guard's classifier learns from and is judged by: COLD, our examples, our dialogues."""

import hashlib
from dataclasses import dataclass
from pathlib import Path

from chatbot.safety.guard import Guard
from training.corpora import corpus_files, is_generated, read_dialogues
from training.errors import ConfigError
from training.head.examples import Example, Split, read_examples, split_examples

INNOCENT, OFFENSIVE = "正常", "冒犯"
EXAMPLES = Path(__file__).parents[1] / "safety" / "examples.tsv"
_LABELS = {"0": INNOCENT, "1": OFFENSIVE}
_COLD_HELD_OUT, _EXAMPLES_HELD_OUT = 0.05, 0.2
_REPEATS = 3  # of our examples in an epoch: COLD's are seven times as many
_JUDGED = 0.2  # share of the corpus' utterances to choose the threshold by
_LEARNT = 0.6  # those between the two shares are learnt from


@dataclass(frozen=True)
class GuardTexts:
    """The guard's texts.

    Attributes:
        split: COLD, the examples, and utterances of the corpus as innocent ones; the held-out
            side is 5 % of COLD and 20 % of the examples.
        sets: by name, the held-out texts that precision and recall are drawn from.
        innocent: by name, texts that must pass: look-alikes of the examples, and utterances of
            the corpus that were not learnt from.
    """

    split: Split
    sets: dict[str, tuple[Example, ...]]
    innocent: dict[str, tuple[str, ...]]


def gather(cold: Path, examples: Path, corpus: Path, *, seed: int) -> GuardTexts:
    """Read all sources and split them; no text is on two sides.

    Raises:
        CorpusError, ConfigError: names file and remedy.
    """
    public = split_examples(read_labelled(cold), share=_COLD_HELD_OUT, seed=seed)
    own = split_examples(read_labelled(examples), share=_EXAMPLES_HELD_OUT, seed=seed)
    known = {item.text for part in (public, own) for item in part.train + part.held_out}
    utterances = [text for text in innocent_utterances(corpus) if text not in known]
    learnt = [text for text in utterances if _JUDGED <= _place(text) < _LEARNT]
    return GuardTexts(
        Split(
            (INNOCENT, OFFENSIVE),
            public.train + own.train * _REPEATS + tuple(Example(INNOCENT, text) for text in learnt),
            public.held_out + own.held_out,
            public.num_dropped + own.num_dropped,
        ),
        {"COLD": public.held_out, "本项目的例句": own.held_out},
        {
            "形似的例句": tuple(item.text for item in own.held_out if item.label == INNOCENT),
            "随附语料": tuple(text for text in utterances if _place(text) < _JUDGED),
        },
    )


def read_labelled(path: Path) -> list[Example]:
    """Read ``0|1<TAB>text``, 1 for offensive.

    Raises:
        CorpusError, ConfigError: names file and remedy.
    """
    examples = read_examples(path)
    if unknown := sorted({example.label for example in examples} - set(_LABELS)):
        raise ConfigError(f"{path}: 标签 {unknown[0]} 不可用；须是 1（冒犯）或 0（正常）")
    return [Example(_LABELS[example.label], example.text) for example in examples]


def innocent_utterances(corpus: Path) -> list[str]:
    """Return the different utterances of a corpus, both voices, that the lexicon lets pass.

    People also insult the bot there, which is what the lexicon is asked for.
    """
    guard = Guard.default()
    once: dict[str, None] = {}
    for path in corpus_files(corpus):
        if not is_generated(path):
            for dialogue in read_dialogues(path):
                once.update(dict.fromkeys(dialogue.utterances))
    return [text for text in once if guard.check_output(text)]


def _place(text: str) -> float:
    """Return where a text lies between 0 and 1, by its hash: no other text can move it."""
    digest = hashlib.blake2b(text.encode("utf-8", "replace"), digest_size=8).digest()
    return int.from_bytes(digest, "big") / 2**64
