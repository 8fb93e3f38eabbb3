"""One request: a prompt, the replies that are tried for it, and the one that was chosen."""

import enum
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Literal

from torch import Tensor

from chatbot.decoding.cache import Prefix
from chatbot.decoding.params import SamplingParams
from chatbot.decoding.reading import TokenLogProb
from chatbot.decoding.sequence import Sequence, TokenRules

FinishReason = Literal["stop", "length", "cancelled", "failed", "deadline"]
Accept = Callable[[list[int]], bool]
Find = Callable[[Tensor], "Iterable[Proposal]"]


class Status(enum.Enum):
    """Where a request stands."""

    WAITING = enum.auto()
    RUNNING = enum.auto()
    FINISHED = enum.auto()


@dataclass(frozen=True)
class Proposal:
    """A reply that someone else suggests, to be ranked beside the sampled ones.

    Attributes:
        ids: the reply, without a stop id.
        prior: how well it is known to fit, 0 to 1.
    """

    ids: tuple[int, ...]
    prior: float


@dataclass(frozen=True)
class Fallback:
    """What is said when the best reply is worth too little.

    Attributes:
        ids: the reply, without a stop id.
        floor: what a reply must be worth, on the scale of ``Proposal.prior``.
        only_proposed: no sampled reply is good enough.
    """

    ids: tuple[int, ...]
    floor: float
    only_proposed: bool = False

    def is_better(self, worth: float, prior: float | None) -> bool:
        """Whether it is to be said instead of a reply that is worth so much."""
        return worth < self.floor or (self.only_proposed and prior is None)


@dataclass(frozen=True)
class Quote:
    """A reply that says back what was told earlier; it is right if that is what the prompt asks for.

    Attributes:
        ids: the reply, without a stop id.
        told_ids: the utterances that told it, each with its stop id.
        prior: what speaks for it beside what the model makes of it, on the scale of its worth.
    """

    ids: tuple[int, ...]
    told_ids: tuple[int, ...]
    prior: float


class Request:
    """What one caller asked for. Only the engine's thread changes it once it was handed over.

    Attributes:
        sequences: the replies that are sampled, ``params.candidates`` of them.
        proposals: replies to be ranked beside them.
        quotes: replies that the best of goes before all others, if it is good enough.
        find: returns more of them, asked in the engine's thread when all that is sampled has
            ended, with the last layer's state (D,) at the end of the prompt; ``None``: no more.
        accept: whether a reply may be chosen, asked from the best one down; ``None``: any may.
            When none may, the best one is chosen all the same, and the caller filters it.
        fallback: what is said instead of a poor reply; ``None``: nothing.
        looks_back: whether a reply gains by taking up what was told earlier.
        top_log_probs: how many of the likeliest tokens ``log_probs`` names in each place; ``None``:
            no log-probabilities are wanted.
        log_probs: those of the reply's ids, once it is whole; ``None``: there are none.
        output_ids: the reply so far; with several candidates, empty until one is chosen.
        finish_reason: ``None`` until it is finished.
        error: what was raised, when ``finish_reason`` is ``"failed"``.
        deadline: when it ends at the latest, by ``time.monotonic``; ``None``: whenever.
        prompt: keys and values of the prompt, kept while a reply is to be read behind it.
    """

    def __init__(
        self,
        prompt_ids: Iterable[int],
        params: SamplingParams,
        rules: TokenRules,
        *,
        proposals: Iterable[Proposal] = (),
        quotes: Iterable[Quote] = (),
        find: Find | None = None,
        accept: Accept | None = None,
        fallback: Fallback | None = None,
        looks_back: bool = True,
        top_log_probs: int | None = None,
        deadline: float | None = None,
    ) -> None:
        self.prompt_ids = tuple(prompt_ids)
        self.params = params.seeded()
        self.rules = rules
        self.proposals = tuple(proposals)
        self.quotes = tuple(quotes)
        self.find = find
        self.accept = accept
        self.fallback = fallback
        self.looks_back = looks_back
        self.top_log_probs = top_log_probs
        self.log_probs: list[TokenLogProb] | None = None
        self.deadline = deadline
        self.sequences = [
            Sequence(self.prompt_ids, self.params, rules, number)
            for number in range(params.candidates)
        ]
        self.status = Status.WAITING
        self.finish_reason: FinishReason | None = None
        self.error: Exception | None = None
        self.prompt: Prefix | None = None
        self._chosen: list[int] | None = None

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
    def is_ranked(self) -> bool:
        """Whether there is a choice to make."""
        num_replies = len(self.sequences) + len(self.proposals) + len(self.quotes)
        return num_replies > 1 or self.find is not None

    @property
    def is_read_again(self) -> bool:
        """Whether a reply is to be read behind the prompt once it is whole."""
        return self.is_ranked or self.top_log_probs is not None

    @property
    def open_sequences(self) -> list[Sequence]:
        """The sequences that have not ended."""
        return [sequence for sequence in self.sequences if sequence.stop_reason is None]

    @property
    def output_ids(self) -> list[int]:
        """The reply so far: the chosen one, or the only one."""
        if self.is_ranked:
            return self._chosen or []
        return self.sequences[0].output_ids

    @property
    def is_finished(self) -> bool:
        """Whether it has ended, for whatever reason."""
        return self.status is Status.FINISHED

    def choose(self, ids: list[int], reason: FinishReason) -> None:
        """End with one of the replies."""
        self._chosen = ids
        self.finish(reason)

    def finish(self, reason: FinishReason, error: Exception | None = None) -> None:
        """End it and let go of its keys and values."""
        assert not self.is_finished, "a request ends once"
        self.status = Status.FINISHED
        self.finish_reason = reason
        self.error = error
        self.prompt = None
