"""Where the time of one request went."""

import time
from dataclasses import dataclass, field

from chatbot.decoding.request import FinishReason, Request


@dataclass
class Timing:
    """The moments of one request, by ``time.monotonic``; written by the worker.

    Attributes:
        submitted: it was handed over.
        started: the step began in which its prompt was read; ``None``: it never got a slot.
        steps: ends of the steps that it took part in; each brought its replies one token further.
        cancelled: it was asked to end early.
        ended: its slot was free again.
        finish_reason: how it ended.
        prompt_tokens, sampled_tokens: tokens read and sampled, those of all candidates.
    """

    submitted: float = field(default_factory=time.monotonic)
    started: float | None = None
    steps: list[float] = field(default_factory=list)
    cancelled: float | None = None
    ended: float | None = None
    finish_reason: FinishReason | None = None
    prompt_tokens: int = 0
    sampled_tokens: int = 0

    def step(self, began: float, ended: float) -> None:
        """Note a step that the request took part in."""
        if self.started is None:
            self.started = began
        self.steps.append(ended)

    def end(self, request: Request) -> None:
        """Note how the request ended, now."""
        self.ended = time.monotonic()
        self.finish_reason = request.finish_reason
        self.prompt_tokens = len(request.prompt_ids)
        self.sampled_tokens = sum(len(sequence.output_ids) for sequence in request.sequences)
