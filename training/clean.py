"""The data gate: what a dialogue must be before it is trained on, and a count of every drop."""

import hashlib
import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from chatbot.safety.guard import Guard
from training.corpora import Dialogue

_URL = re.compile(r"(?:https?://|www\.)[\w./?=&%#~:+-]+", re.IGNORECASE | re.ASCII)
# Not after a Latin letter or digit: that is an e-mail address, which drops the dialogue.
_MENTION = re.compile(r"(?:回复)?(?<![A-Za-z0-9._+-])@[\w\-·]{1,30}[:：]?\s?")
_HASHTAG = re.compile(r"#[^#\s]{1,30}#")
_STAGE = re.compile(r"[（(][^（）()]{1,20}[）)]\s*")
_REPEAT = re.compile(r"(.)\1{5,}")
_SPACES = re.compile(r"\s+")
_PERSONAL = re.compile(
    r"(?<!\d)1[3-9]\d{9}(?!\d)|(?<!\d)\d{17}[\dXx](?!\d)|[\w.+-]+@[\w-]+\.[\w.]{2,}"
)
_SELF_HARM = re.compile(
    r"自杀|自残|自伤|割腕|跳楼|轻生|结束(?:自己的)?生命|不想活|去死|寻死|安眠药"
)


@dataclass(frozen=True, kw_only=True)
class CleanRules:
    """What the gate does beyond its fixed rules.

    Attributes:
        drop_self_harm: drop dialogues that speak of self-harm (for corpora that were not written
            with care for it; the project's own answers are kept).
        drop_stage_directions: cut bracketed stage directions such as （微笑）.
        max_characters: utterances longer than this drop their dialogue.
    """

    drop_self_harm: bool = False
    drop_stage_directions: bool = False
    max_characters: int = 400


class Cleaner:
    """Normalises dialogues and drops unfit ones; ``dropped`` counts them by reason."""

    def __init__(self, rules: CleanRules | None = None) -> None:
        self.rules = rules or CleanRules()
        self.dropped: Counter[str] = Counter()
        self.num_kept = 0
        self._guard = Guard.default()
        self._seen: set[bytes] = set()

    def clean(self, dialogues: Iterable[Dialogue]) -> Iterator[Dialogue]:
        """Yield the cleaned dialogues that may be trained on."""
        for dialogue in dialogues:
            utterances = tuple(self._normalise(text) for text in dialogue.utterances)
            reason = self._reason_to_drop(utterances)
            if reason is not None:
                self.dropped[reason] += 1
                continue
            self.num_kept += 1
            yield Dialogue(utterances, dialogue.path, dialogue.line)

    def _normalise(self, text: str) -> str:
        text = unicodedata.normalize("NFC", text)
        for pattern in (_URL, _MENTION, _HASHTAG):
            text = pattern.sub("", text)
        if self.rules.drop_stage_directions:
            text = _STAGE.sub("", text)
        text = _REPEAT.sub(lambda match: match[1] * 5, text)
        return _SPACES.sub(" ", text).strip()

    def _reason_to_drop(self, utterances: tuple[str, ...]) -> str | None:
        whole = "\n".join(utterances)
        if not all(utterances):
            return "清洗后有空句"
        if max(map(len, utterances)) > self.rules.max_characters:
            return "单句过长"
        if _PERSONAL.search(whole):
            return "含个人信息"
        if self.rules.drop_self_harm and _SELF_HARM.search(whole):
            return "谈及自伤"
        if not all(self._guard.check_output(text) for text in utterances[1::2]):
            return "回答不安全"
        digest = hashlib.blake2b(whole.encode(), digest_size=8).digest()
        if digest in self._seen:
            return "完全重复"
        self._seen.add(digest)
        return None
