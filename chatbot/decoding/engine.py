"""The engine: requests in, one token for each of them a step."""

from collections import deque
from collections.abc import Iterable

import torch
from transformers import PreTrainedModel

from chatbot.decoding.params import SamplingParams
from chatbot.decoding.runner import ModelRunner
from chatbot.decoding.sampling import sample
from chatbot.decoding.scheduler import Scheduler
from chatbot.decoding.sequence import Sequence, TokenRules


class Engine:
    """Decodes several requests, a token each a step. Not thread-safe: see ``worker.py``."""

    def __init__(
        self, model: PreTrainedModel, *, num_slots: int = 8, max_waiting: int = 32
    ) -> None:
        self.runner = ModelRunner(model)
        self.scheduler = Scheduler(num_slots=num_slots, max_waiting=max_waiting)

    @property
    def max_length(self) -> int:
        """Tokens that prompt and reply can have together: the model's positions."""
        return self.runner.max_length

    @property
    def is_idle(self) -> bool:
        """Whether no request is left."""
        return self.scheduler.is_idle

    def add(self, sequence: Sequence) -> None:
        """Take a request in.

        Raises:
            QueueFull: as many wait as may.
            ValueError: prompt and reply could outgrow the model's positions.
        """
        self._check_length(sequence)
        self.scheduler.add(sequence)

    def cancel(self, sequence: Sequence) -> None:
        """End a request now; nothing happens when it has ended already."""
        if not sequence.is_finished:
            self.scheduler.remove(sequence)
            sequence.finish("cancelled")

    def step(self) -> list[Sequence]:
        """Bring every running request one token further; return those that ran."""
        sequences = self.scheduler.schedule()
        rows = self.runner.run(sequences)
        self._postprocess(sequences, rows)
        return sequences

    def _postprocess(self, sequences: list[Sequence], rows: list[torch.Tensor | Exception]) -> None:
        for sequence, row in zip(sequences, rows, strict=True):
            try:
                if isinstance(row, Exception):
                    raise row
                sequence.append(sample(row, sequence))
            except Exception as error:
                sequence.finish("failed", error)
            if sequence.is_finished:
                self.scheduler.remove(sequence)

    def fail_all(self, error: Exception) -> list[Sequence]:
        """End every request, running or waiting, with an error; return them."""
        sequences = [*self.scheduler.running, *self.scheduler.waiting]
        for sequence in sequences:
            self.scheduler.remove(sequence)
            sequence.finish("failed", error)
        return sequences

    def generate(
        self, prompts: Iterable[Iterable[int]], params: SamplingParams, rules: TokenRules
    ) -> list[list[int]]:
        """Return the reply to each prompt, in order; blocks until all are done.

        With a ``params.seed`` every prompt is sampled with that same seed.

        Raises:
            ValueError: prompt and reply could outgrow the model's positions.
            Exception: what the model raised for one of them, after the others ended.
        """
        sequences = [Sequence(prompt, params, rules) for prompt in prompts]
        for sequence in sequences:
            self._check_length(sequence)
        pending = deque(sequences)
        while pending or not self.is_idle:
            while pending and not self.scheduler.is_full:
                self.add(pending.popleft())
            self.step()
        for sequence in sequences:
            if sequence.error is not None:
                raise sequence.error
        return [sequence.output_ids for sequence in sequences]

    def _check_length(self, sequence: Sequence) -> None:
        if sequence.max_length > self.max_length:
            raise ValueError(
                f"prompt and reply need {sequence.max_length} positions; "
                f"the model has {self.max_length}"
            )
