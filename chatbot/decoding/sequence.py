"""One request: what was asked, what was written so far, and how it ended."""

import enum
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import torch

from chatbot.decoding.cache import SequenceCache
from chatbot.decoding.params import SamplingParams

FinishReason = Literal["stop", "length", "cancelled", "failed"]


class Status(enum.Enum):
    """Where a request stands."""

    WAITING = enum.auto()
    RUNNING = enum.auto()
    FINISHED = enum.auto()


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
    """One request. Only the engine's thread changes it once it was handed over.

    Attributes:
        output_ids: the reply so far, without the stop id that ended it.
        finish_reason: ``None`` until it is finished.
        error: what was raised, when ``finish_reason`` is ``"failed"``.
        cache: its keys and values; ``None`` before prefill and after the end.
    """

    def __init__(self, prompt_ids: Iterable[int], params: SamplingParams, rules: TokenRules):
        self.prompt_ids = tuple(prompt_ids)
        self.params = params.seeded()
        self.rules = rules
        self.output_ids: list[int] = []
        self.status = Status.WAITING
        self.finish_reason: FinishReason | None = None
        self.error: Exception | None = None
        self.cache: SequenceCache | None = None

    # Tensors are made when the engine first needs them: the event loop, which makes the
    # sequence, runs no torch.

    @cached_property
    def generator(self) -> torch.Generator:
        """Its own source of randomness, so no neighbour changes what it draws."""
        return torch.Generator().manual_seed(self.seed)

    @cached_property
    def _context(self) -> torch.Tensor:
        """Prompt, reply and room to grow, ``(max_length,)``: the penalties read it each step."""
        room = [0] * self.params.max_new_tokens
        return torch.tensor([*self.prompt_ids, *room])

    @property
    def seed(self) -> int:
        """The seed in use, whether it was given or drawn."""
        assert self.params.seed is not None
        return self.params.seed

    @property
    def max_length(self) -> int:
        """Tokens that prompt and reply can have together."""
        return len(self.prompt_ids) + self.params.max_new_tokens

    @property
    def context_ids(self) -> torch.Tensor:
        """Prompt and reply so far, ``(T,)``, int64."""
        return self._context[: len(self.prompt_ids) + len(self.output_ids)]

    @property
    def is_finished(self) -> bool:
        """Whether it has ended, for whatever reason."""
        return self.status is Status.FINISHED

    @property
    def forbidden_ids(self) -> list[int]:
        """Ids that must not come next."""
        first = () if self.output_ids else self.rules.stop_ids
        return [*self.rules.banned_ids, *first]

    @torch.inference_mode()  # the context may have been made in that mode
    def append(self, token_id: int) -> None:
        """Take the next token: it ends the reply or becomes part of it."""
        if token_id in self.rules.stop_ids:
            self.finish("stop")
            return
        self._context[len(self.prompt_ids) + len(self.output_ids)] = token_id
        self.output_ids.append(token_id)
        if len(self.output_ids) == self.params.max_new_tokens:
            self.finish("length")

    def finish(self, reason: FinishReason, error: Exception | None = None) -> None:
        """End it and let go of its keys and values."""
        assert not self.is_finished, "a request ends once"
        self.status = Status.FINISHED
        self.finish_reason = reason
        self.error = error
        self.cache = None
