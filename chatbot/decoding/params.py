"""How a reply is sampled, and the ranges that every front door shares."""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from types import MappingProxyType
from typing import Final, Literal

from chatbot.errors import InvalidParams

Precision = Literal["auto", "int8", "bfloat16", "float32"]  # of the model's products
# An engine's limits, where it is not told others.
NUM_SLOTS: Final = 8  # requests that run at once
MAX_WAITING: Final = 32  # requests that wait for a slot
CACHE_BYTES: Final = 512 * 2**20  # keys and values
PROMPT_TOKENS: Final = 256  # of the prompts that are read in one step

# Below this, dividing logits by the temperature leaves a one-hot distribution (or overflows).
_GREEDY_BELOW = 1e-4
_SEED_BITS = 32  # short enough to be read out, and exact in JSON for every client


@dataclass(frozen=True)
class Range:
    """The values a parameter may take: ``low`` to ``high``, both allowed unless ``above_low``.

    Attributes:
        integer: whole numbers only.
        above_low: ``low`` itself is not allowed.
        optional: ``None`` is allowed too.
    """

    low: float
    high: float
    integer: bool = False
    above_low: bool = False
    optional: bool = False

    def __contains__(self, value: object) -> bool:
        """Tell whether a value is allowed. A bool is no number here; NaN is in no range."""
        if value is None:
            return self.optional
        if isinstance(value, bool) or not isinstance(value, int | float):
            return False
        if self.integer and isinstance(value, float):
            return False
        return self.low < value <= self.high if self.above_low else self.low <= value <= self.high

    def __str__(self) -> str:
        kind = "整数" if self.integer else "数"
        low = f"大于 {self.low}、不超过 {self.high} 的" if self.above_low else None
        return (low or f"{self.low} 到 {self.high} 的") + kind

    def bounds(self) -> dict[str, float]:
        """Return the bounds under pydantic's names: ``{"ge" or "gt": low, "le": high}``."""
        return {"gt" if self.above_low else "ge": self.low, "le": self.high}


RANGES: Final[Mapping[str, Range]] = MappingProxyType(
    {
        "temperature": Range(0, 2),
        "top_k": Range(0, 1000, integer=True),
        "top_p": Range(0, 1, above_low=True),
        "min_p": Range(0, 1),
        "repetition_penalty": Range(0.5, 2),
        "no_repeat_ngram": Range(0, 10, integer=True),
        "max_new_tokens": Range(1, 128, integer=True),
        "candidates": Range(1, 16, integer=True),
        "seed": Range(0, 2**63 - 1, integer=True, optional=True),
    }
)


@dataclass(frozen=True, kw_only=True)
class SamplingParams:
    """How one reply is sampled; each field is checked against ``RANGES``.

    Attributes:
        temperature: divides the logits; 0 takes the likeliest token (greedy).
        top_k: sample among the k likeliest tokens; 0 is off.
        top_p: sample among the likeliest tokens whose probabilities reach p (nucleus sampling,
            Holtzman et al. 2020); 1 is off.
        min_p: sample among the tokens that have at least this share of the likeliest one's
            probability (Nguyen et al. 2024); 0 is off.
        repetition_penalty: makes tokens of prompt and reply less likely (CTRL, Keskar et al.
            2019); 1 is off.
        no_repeat_ngram: no n-gram of prompt and reply comes twice; 0 is off.
        max_new_tokens: length limit of the reply, in tokens.
        candidates: replies that are sampled; above 1 they are ranked (``ranking.py``) and the
            best one is sent, all at once.
        seed: of the reply's own random generator; ``None`` draws one.

    Raises:
        InvalidParams: a value is out of its range or of the wrong type.
    """

    temperature: float = 0.7
    top_k: int = 0
    top_p: float = 0.9
    min_p: float = 0.0
    repetition_penalty: float = 1.1
    no_repeat_ngram: int = 0
    max_new_tokens: int = 64
    candidates: int = 1
    seed: int | None = None

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if value not in RANGES[field.name]:
                raise InvalidParams(field.name, value, str(RANGES[field.name]))

    @property
    def is_greedy(self) -> bool:
        """Whether the likeliest token is taken, without drawing."""
        return self.temperature < _GREEDY_BELOW

    def seeded(self) -> "SamplingParams":
        """Return the same parameters with a seed: their own, or one drawn now."""
        return self if self.seed is not None else replace(self, seed=secrets.randbits(_SEED_BITS))
