"""One reply in the making: what it answers, what was written so far, and how it ended."""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray

from chatbot.decoding.params import SamplingParams

StopReason = Literal["stop", "length"]

_GENERATOR_SEEDS = 2**63


@dataclass(frozen=True, kw_only=True)
class TokenRules:
    """What a model's vocabulary allows in a reply.

    Attributes:
        stop_ids: end the reply; never its first token, since an empty reply is no reply.
        banned_ids: are never sampled.
    """

    stop_ids: frozenset[int]
    banned_ids: frozenset[int] = frozenset()


class Sequence:
    """A prompt and the reply that grows behind it.

    Attributes:
        output_ids: the reply so far, without the stop id that ended it.
        stop_reason: ``None`` until it has ended.
        row: where its keys and values lie; ``None`` before prefill and after the end.
    """

    def __init__(
        self, prompt_ids: Iterable[int], params: SamplingParams, rules: TokenRules, number: int = 0
    ) -> None:
        """Begin the reply ``number`` of a request; each number draws its own random stream."""
        assert params.seed is not None, "the request draws the seed"
        self.prompt_ids = tuple(prompt_ids)
        self.params = params
        self.rules = rules
        self.number = number
        self.output_ids: list[int] = []
        self.stop_reason: StopReason | None = None
        self.row: int | None = None

    # Made when the engine first needs it: the event loop, which makes the sequence, runs no torch.
    @cached_property
    def generator(self) -> torch.Generator:
        """Its own source of randomness, so no neighbour changes what it draws."""
        assert self.params.seed is not None
        seed = (self.params.seed + self.number * 0x9E3779B97F4A7C15) % _GENERATOR_SEEDS
        return torch.Generator().manual_seed(seed)

    @cached_property
    def _context(self) -> NDArray[np.int64]:
        """Prompt, reply and room to grow: the penalties read it each step."""
        context = np.zeros(len(self.prompt_ids) + self.params.max_new_tokens, np.int64)
        context[: len(self.prompt_ids)] = self.prompt_ids
        return context

    @property
    def context_ids(self) -> NDArray[np.int64]:
        """Prompt and reply so far, ``(T,)``."""
        return self._context[: self.num_tokens]

    @property
    def num_tokens(self) -> int:
        """Tokens of prompt and reply so far."""
        return len(self.prompt_ids) + len(self.output_ids)

    @property
    def num_read(self) -> int:
        """Tokens that the model has read once it runs: all but the newest of the reply."""
        return self.num_tokens - 1 if self.output_ids else self.num_tokens

    def append(self, token_id: int) -> None:
        """Take the next token: it ends the reply or becomes part of it."""
        assert self.stop_reason is None, "a reply ends once"
        if token_id in self.rules.stop_ids:
            self.stop_reason = "stop"
            return
        self._context[self.num_tokens] = token_id
        self.output_ids.append(token_id)
        if len(self.output_ids) == self.params.max_new_tokens:
            self.stop_reason = "length"
