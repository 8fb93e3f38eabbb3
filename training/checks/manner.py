"""Manner: how 小闲 talks, as shares of a file's replies, each with a generous upper bound."""

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from training.checks.duplicates import normalise
from training.checks.finding import Finding
from training.corpora import Dialogue

MIN_REPLIES = 100
BOUNDS = {"问句收尾": 0.65, "接话起头": 0.30, "哈哈起头": 0.10, "那起头": 0.20, "最常见": 0.02}

_CLAUSE = re.compile(r"[，。？！、：；…～~\s]")
_PARTICLES = re.compile(r"[呀啦啊嘛呢吧哦噢哟了的]+$")


@dataclass(frozen=True)
class Manner:
    """Shares of a file's replies by the names of ``BOUNDS``, and the commonest reply."""

    num_replies: int
    shares: dict[str, float]
    commonest: str


def measure(dialogues: Iterable[Dialogue]) -> Manner:
    """Return the manner of all replies of ``dialogues``."""
    counts: Counter[str] = Counter()
    replies: Counter[str] = Counter()
    for dialogue in dialogues:
        pairs = zip(dialogue.utterances[::2], dialogue.utterances[1::2], strict=False)
        for message, reply in pairs:
            replies[reply] += 1
            counts["问句收尾"] += reply.endswith(("？", "?"))
            counts["接话起头"] += echoes(message, reply)
            counts["哈哈起头"] += reply.startswith("哈哈")
            counts["那起头"] += reply.startswith("那")
    commonest, counts["最常见"] = replies.most_common(1)[0] if replies else ("", 0)
    total = replies.total()
    return Manner(total, {name: counts[name] / max(total, 1) for name in BOUNDS}, commonest)


def check_manner(path: Path, manner: Manner) -> Iterator[Finding]:
    """Check a file's shares against their bounds; files of few replies are left alone."""
    if manner.num_replies < MIN_REPLIES:
        return
    for name, bound in BOUNDS.items():
        share = manner.shares[name]
        if share > bound:
            example = f"（“{manner.commonest}”）" if name == "最常见" else ""
            yield Finding(path, 1, "口吻", f"{name}{example}占 {share:.1%}，上限 {bound:.0%}")


def echoes(message: str, reply: str) -> bool:
    """Whether the reply's opening clause, without particles, is taken from the message."""
    opening = _PARTICLES.sub("", _CLAUSE.split(reply, maxsplit=1)[0])
    opening = normalise(opening)
    return len(opening) >= 2 and opening in normalise(message)
