"""What a report is made of: the options of the command, checked."""

from dataclasses import dataclass
from pathlib import Path

from chatbot.checkpoint import SHIPPED_CHECKPOINT
from training.errors import ConfigError
from training.recipe import PROVIDED_CORPUS

_LARGEST_SEED = 2**62  # numbers are added to it


@dataclass(frozen=True, kw_only=True)
class ReportConfig:
    """What is reported on.

    Attributes:
        checkpoint: a model folder; ``against`` another, to stand beside it.
        corpus: whose held-out side is asked.
        cdial: a corpus file whose last 1,000 dialogues give a perplexity too.
        cold: labelled rows of COLD, for the safety section.
        judge: the folder of the classifier that judges replies.
        out: the folder to write into; None: ``runs/report/<name>``.
        seed: of every draw; the same seed, the same card.
        size: dialogues for the perplexity and messages to answer, at most; half as many probes.
        use_known: whether known replies are proposed, as when serving.
        openers: messages of one's own for the rating sheet; ``contexts`` with a history.

    Raises:
        ConfigError: ``size`` or ``seed`` is out of range.
    """

    checkpoint: Path = SHIPPED_CHECKPOINT
    against: Path | None = None
    corpus: Path = PROVIDED_CORPUS
    cdial: Path | None = None
    cold: Path | None = None
    judge: Path | None = None
    out: Path | None = None
    seed: int = 0
    size: int = 1000
    use_known: bool = True
    openers: Path | None = None
    contexts: Path | None = None

    def __post_init__(self) -> None:
        if self.size < 1:
            raise ConfigError(f"size={self.size} 不可用；须至少是 1")
        if not 0 <= self.seed <= _LARGEST_SEED:
            raise ConfigError(f"seed={self.seed} 不可用；须在 0 到 {_LARGEST_SEED} 之间")
