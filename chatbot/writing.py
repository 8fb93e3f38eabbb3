"""How a novel is continued, and the ranges that every front door shares."""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Final, Self

from chatbot.decoding.params import RANGES, Range
from chatbot.errors import InvalidParams

WRITING_RANGES: Final[Mapping[str, Range]] = MappingProxyType(
    {"max_new_chars": Range(1, 2000, integer=True)}
    | {name: RANGES[name] for name in ("temperature", "top_k", "top_p", "seed")}
)
_GREEDY_BELOW = 1e-4
_SEED_BITS = 32


@dataclass(frozen=True, kw_only=True)
class WritingParams:
    """How a continuation is sampled; each field is checked against ``WRITING_RANGES``.

    Attributes:
        max_new_chars: its length; a novel has no end of its own.
        temperature, top_k, top_p, seed: as in ``SamplingParams``.

    Raises:
        InvalidParams: a value is out of its range or of the wrong type.
    """

    max_new_chars: int = 300
    temperature: float = 0.8
    top_k: int = 0
    top_p: float = 0.95
    seed: int | None = None

    def __post_init__(self) -> None:
        for name, allowed in WRITING_RANGES.items():
            value = getattr(self, name)
            if value not in allowed:
                raise InvalidParams(name, value, str(allowed))

    @property
    def is_greedy(self) -> bool:
        """Whether the likeliest character is taken, without drawing."""
        return self.temperature < _GREEDY_BELOW

    def seeded(self) -> Self:
        """Return the same parameters with a seed: their own, or one drawn now."""
        return self if self.seed is not None else replace(self, seed=secrets.randbits(_SEED_BITS))
