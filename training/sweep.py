"""Where the decoding defaults come from: tables over the held-out split.

Ranking weights are judged by selection, as retrieval models are (Lowe et al. 2015, "The Ubuntu
Dialogue Corpus"): how often the corpus' own reply is ranked above nine that were drawn from other
dialogues. Sampling settings are judged by what they make the bot say.
"""

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from chatbot.decoding.params import SamplingParams
from chatbot.decoding.ranking import RankingWeights, Scored, rank, split_utterances
from chatbot.decoding.reading import read
from chatbot.decoding.scoring import Candidate, score
from training.exchanges import Exchange, exchanges_of, held_out_dialogues, sample
from training.memory.fillers import read_fillers
from training.memory.generate import Probe, probes
from training.metrics.intervals import Share, share_of
from training.metrics.recall import recall
from training.metrics.replies import ReplyFigures, measure_replies
from training.respond import Responder

NUM_DISTRACTORS = 9
MMI = (0.0, 0.1, 0.3, 0.5, 0.76, 1.0)
NO_KNOWN = 100.0  # what a sampled reply is worth where no known one is ever chosen
SAMPLING = tuple(
    (candidates, temperature, sampled)
    for candidates, temperature in ((1, 0.2), (1, 0.6), (8, 0.2), (8, 0.6), (16, 0.6))
    for sampled in ((NO_KNOWN,) if candidates == 1 else (NO_KNOWN, 0.0, 0.2, 0.34, 0.4))
)


@dataclass(frozen=True)
class Choice:
    """A prompt's utterances and replies to choose from; the corpus' own stands at ``right``."""

    utterances: list[tuple[int, ...]]
    replies: list[Scored]
    right: int


@dataclass(frozen=True)
class Outcome:
    """What the bot said with some settings: figures of its replies, and recall of the probes."""

    figures: ReplyFigures
    recalled: Share


def choices(responder: Responder, exchanges: Sequence[Exchange], seed: int) -> Iterator[Choice]:
    """Score the corpus' reply and nine of other exchanges, for every exchange that fits."""
    rng = random.Random(seed)
    encoder, decoder = responder.encoder, responder.engine.runner.decoder
    stop_ids = frozenset({encoder.sep_id})
    for item in exchanges:
        others = [other.reference for other in rng.sample(exchanges, NUM_DISTRACTORS + 1)]
        texts = [item.reference, *(text for text in others if text != item.reference)]
        texts = texts[: NUM_DISTRACTORS + 1]
        right = rng.randrange(len(texts))
        texts[0], texts[right] = texts[right], texts[0]
        replies = encoder.encode_utterances(texts)
        message = encoder.encode_utterances([item.message])[0]
        room = responder.engine.max_length - max(map(len, replies)) - 1
        if len(message) + 2 > room:
            continue
        prompt = encoder.encode_prompt(item.history, message, room).ids
        candidates = [Candidate(tuple(ids)) for ids in replies]
        scored = score(decoder, read(decoder, prompt), candidates, encoder.sep_id)
        yield Choice(split_utterances(prompt, stop_ids), scored, right)


def selected(found: Sequence[Choice], weights: RankingWeights) -> Share:
    """Return how often the corpus' own reply is ranked first."""
    return share_of([rank(c.replies, c.utterances, weights)[0] == c.right for c in found])


def outcome(
    responder: Responder,
    exchanges: Sequence[Exchange],
    probes: Sequence[Probe],
    params: SamplingParams,
    weights: RankingWeights,
    seed: int,
) -> Outcome:
    """Let the bot answer exchanges and probes with these settings; the responder keeps them."""
    responder.params = replace(params, max_new_tokens=responder.params.max_new_tokens)
    responder.engine.weights = weights
    responses = responder.respond(exchanges, seed=seed)
    asked = [Exchange(probe.history[:-1], probe.history[-1]) for probe in probes]
    answers = [response.text for response in responder.respond(asked, seed=seed)]
    replies = [response.text for response in responses]
    raw = [response.raw for response in responses]
    return Outcome(measure_replies(exchanges, replies, raw, []), recall(probes, answers))


def write_sweep(checkpoint: Path, corpus: Path, out: Path, *, size: int, seed: int) -> Path:
    """Try the grids on a checkpoint and write ``out``, a Markdown file of two tables.

    Raises:
        CorpusError, CheckpointError: one line that names the remedy.
    """
    exchanges = sample(list(exchanges_of(held_out_dialogues(corpus))), size, seed)
    with Responder(checkpoint) as responder:
        lines = _ranking_lines(list(choices(responder, exchanges, seed)))
        asked = probes(max(size // 2, 1), seed, read_fillers(corpus))
        lines += _sampling_lines(responder, exchanges, asked, seed)
        head = f"# 解码默认值从哪里来\n\n`python -m training sweep --size {size} --seed {seed}`，"
        head += f"模型 {responder.bot.name}，留出集 {len(exchanges)} 句，记忆题 {len(asked)} 道。\n"
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text("\n".join([head, *lines, ""]), encoding="utf-8")
    return out


def _ranking_lines(found: Sequence[Choice]) -> list[str]:
    lines = [
        f"## 排序：语料原来的回答排在另外 {NUM_DISTRACTORS} 句前面的比例\n",
        "| λ | 选中 | 不罚重复 |",
        "| ---: | ---: | ---: |",
    ]
    for mmi in MMI:
        plain = RankingWeights(mmi=mmi, repeat=0, echo=0)
        whole, bare = selected(found, RankingWeights(mmi=mmi)), selected(found, plain)
        lines.append(f"| {mmi} | {whole.estimate.value:.1%} | {bare.estimate.value:.1%} |")
    return lines


def _sampling_lines(
    responder: Responder, exchanges: Sequence[Exchange], asked: Sequence[Probe], seed: int
) -> list[str]:
    lines = [
        "\n## 采样：候选几个，温度，采样的一句起步值多少（现成回答值 0 到 1；无：不用现成回答）\n",
        "| 候选 | 温度 | 起步 | BLEU-2 | Dist-2 | 句内重复 | 空话 | 雷同 | 记住 | 字数 |",
        "| ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |",
    ]
    for candidates, temperature, sampled in SAMPLING:
        params = replace(responder.bot.defaults, candidates=candidates, temperature=temperature)
        it = outcome(responder, exchanges, asked, params, RankingWeights(sampled=sampled), seed)
        said = it.figures
        counted = (said.generic, said.identical, it.recalled)
        shares = (said.repetition_inside, *(share.estimate.value for share in counted))
        cells = [f"{share:.1%}" for share in shares]
        worth = "无" if sampled == NO_KNOWN else f"{sampled}"
        lines.append(
            f"| {candidates} | {temperature} | {worth} | {said.bleu_2:.3f} | {said.dist_2:.3f} | "
            + " | ".join(cells)
            + f" | {said.mean_length:.1f} |"
        )
    return lines
