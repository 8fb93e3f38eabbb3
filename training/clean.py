"""The data gate: what a dialogue must be before it is trained on, and a count of every drop."""

import re
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from chatbot.safety.guard import Guard
from training.corpora import Dialogue, is_generated
from training.errors import ConfigError
from training.fingerprints import BloomFilter, NearDuplicates
from training.metrics.generic import is_generic
from training.patterns import (
    CUTS,
    SELF_HARM,
    STAGE_DIRECTION,
    has_personal_data,
    is_advertising,
    is_stuck,
    shortened,
)

_SPACES = re.compile(r"\s+")
_FIRST_REPLIES = 1000  # the share of generic replies is not judged by fewer


@dataclass(frozen=True, kw_only=True)
class CleanRules:
    """What the gate does beyond its fixed rules.

    Attributes:
        drop_self_harm: drop dialogues that speak of self-harm (for corpora that were not written
            with care for it; the project's own answers are kept).
        drop_stage_directions: cut bracketed stage directions such as （微笑）.
        drop_near_duplicates: drop dialogues that nearly repeat an earlier one, other than those
            of generated files, which are alike by construction.
        generic_share: the most of all replies that may be generic; dialogues in which the bot
            says nothing else are dropped beyond it.
        max_characters: utterances longer than this drop their dialogue.
    """

    drop_self_harm: bool = False
    drop_stage_directions: bool = False
    drop_near_duplicates: bool = False
    generic_share: float = 1.0
    max_characters: int = 400

    def __post_init__(self) -> None:
        if not 0 <= self.generic_share <= 1:
            raise ConfigError(f"generic_share={self.generic_share} 不可用；须在 0 和 1 之间")


class Cleaner:
    """Normalises dialogues and drops unfit ones.

    Attributes:
        num_kept: dialogues that passed.
        dropped: dialogues that did not, by reason.
        cut: utterances that something was cut out of, by what it was.
        examples: up to ``num_examples`` dropped dialogues of each reason, as they were.
    """

    def __init__(self, rules: CleanRules | None = None, *, num_examples: int = 0) -> None:
        self.rules = rules or CleanRules()
        self.dropped: Counter[str] = Counter()
        self.cut: Counter[str] = Counter()
        self.examples: defaultdict[str, list[Dialogue]] = defaultdict(list)
        self.num_kept = 0
        self._num_examples = num_examples
        self._guard = Guard.default()
        self._seen = BloomFilter()
        self._near = NearDuplicates()
        self._num_replies = self._num_generic = 0

    def clean(self, dialogues: Iterable[Dialogue]) -> Iterator[Dialogue]:
        """Yield the cleaned dialogues that may be trained on."""
        for dialogue in dialogues:
            utterances = tuple(self._normalise(text) for text in dialogue.utterances)
            reason = self._reason_to_drop(utterances, is_generated(dialogue.path))
            if reason is None:
                self.num_kept += 1
                yield Dialogue(utterances, dialogue.path, dialogue.line)
                continue
            self.dropped[reason] += 1
            if len(self.examples[reason]) < self._num_examples:
                self.examples[reason].append(dialogue)

    def _normalise(self, text: str) -> str:
        text = unicodedata.normalize("NFC", text)
        for name, pattern in CUTS.items():
            text, count = pattern.subn("", text)
            self.cut[name] += bool(count)
        if self.rules.drop_stage_directions:
            text = STAGE_DIRECTION.sub("", text)
        short = shortened(text)
        self.cut["过长的重复"] += short != text
        return _SPACES.sub(" ", short).strip()

    def _reason_to_drop(self, utterances: tuple[str, ...], generated: bool) -> str | None:
        whole = "\n".join(utterances)
        if not all(utterances):
            return "清洗后有空句"
        if max(map(len, utterances)) > self.rules.max_characters:
            return "单句过长"
        if has_personal_data(whole):
            return "含个人信息"
        if is_advertising(whole):
            return "广告"
        if is_stuck(utterances):
            return "反复说同一句"
        if self.rules.drop_self_harm and SELF_HARM.search(whole):
            return "谈及自伤"
        if not all(self._guard.check_output(text) for text in utterances[1::2]):
            return "回答不安全"
        if self._seen.add(whole.encode()):
            return "完全重复"
        if self.rules.drop_near_duplicates and not generated and self._near.add(utterances):
            return "近似重复"
        return self._too_generic(utterances)

    def _too_generic(self, utterances: tuple[str, ...]) -> str | None:
        """Count a dialogue's replies; return the reason where they go beyond the share."""
        if self.rules.generic_share == 1:
            return None
        replies = utterances[1::2]
        num_generic = sum(map(is_generic, replies))
        allowed = self.rules.generic_share * max(self._num_replies, _FIRST_REPLIES)
        if num_generic == len(replies) and self._num_generic + num_generic > allowed:
            return "空话太多"
        self._num_replies += len(replies)
        self._num_generic += num_generic
        return None
