"""The engine: requests in, one token for each of their replies a step."""

from collections import deque
from collections.abc import Iterable

import torch
from transformers import PreTrainedModel

from chatbot.decoding.params import SamplingParams
from chatbot.decoding.ranking import RankingWeights, Scored, rank, split_utterances
from chatbot.decoding.request import Request
from chatbot.decoding.runner import ModelRunner
from chatbot.decoding.sampling import sample
from chatbot.decoding.scheduler import Scheduler
from chatbot.decoding.sequence import TokenRules


class Engine:
    """Decodes several requests, a token each a step. Not thread-safe: see ``worker.py``."""

    def __init__(
        self,
        model: PreTrainedModel,
        *,
        num_slots: int = 8,
        max_waiting: int = 32,
        weights: RankingWeights | None = None,
    ) -> None:
        self.runner = ModelRunner(model)
        self.scheduler = Scheduler(num_slots=num_slots, max_waiting=max_waiting)
        self.weights = weights or RankingWeights()

    @property
    def max_length(self) -> int:
        """Tokens that prompt and reply can have together: the model's positions."""
        return self.runner.max_length

    @property
    def is_idle(self) -> bool:
        """Whether no request is left."""
        return self.scheduler.is_idle

    def add(self, request: Request) -> None:
        """Take a request in.

        Raises:
            QueueFull: as many wait as may.
            ValueError: prompt and reply could outgrow the model's positions.
        """
        self._check_length(request)
        self.scheduler.add(request)

    def cancel(self, request: Request) -> None:
        """End a request now; nothing happens when it has ended already."""
        if not request.is_finished:
            self.scheduler.remove(request)
            request.finish("cancelled")

    def step(self) -> list[Request]:
        """Bring every running request one token further; return those that ran."""
        requests = self.scheduler.schedule()
        rows = self.runner.run(requests)
        for request, logits in zip(requests, rows, strict=True):
            self._postprocess(request, logits)
        return requests

    def _postprocess(self, request: Request, logits: torch.Tensor | Exception) -> None:
        try:
            if isinstance(logits, Exception):
                raise logits
            self._append(request, logits)
            if not request.open_sequences:
                self._end(request)
        except Exception as error:
            request.finish("failed", error)
        if request.is_finished:
            self.scheduler.remove(request)

    def _append(self, request: Request, logits: torch.Tensor) -> None:
        """Sample the next token of each open sequence; closed ones lose their row."""
        sequences = request.open_sequences
        for sequence, row in zip(sequences, logits, strict=True):
            sequence.append(sample(row, sequence))
        rows = [row for row, seq in enumerate(sequences) if seq.stop_reason is None]
        if 0 < len(rows) < len(sequences) and request.cache is not None:
            request.cache.keep_rows(rows)

    def _end(self, request: Request) -> None:
        """Finish a request all of whose replies have ended, with the best of them."""
        if request.is_ranked:
            self._choose(request)
            return
        reason = request.sequences[0].stop_reason
        assert reason is not None, "it has ended"
        request.finish(reason)

    def _choose(self, request: Request) -> None:
        replies = self._score(request)
        utterances = split_utterances(request.prompt_ids, request.rules.stop_ids)
        order = rank(replies, utterances, self.weights)
        accept = request.accept or (lambda _ids: True)
        best = next((place for place in order if accept(list(replies[place].ids))), order[0])
        reply = replies[best]
        request.choose(list(reply.ids), "stop" if reply.has_stop else "length")

    def _score(self, request: Request) -> list[Scored]:
        """Read every reply twice: behind the prompt, and alone. Equal ones are read once."""
        stop_id = min(request.rules.stop_ids)
        found: dict[tuple[int, ...], tuple[bool, float]] = {}
        for sequence in request.sequences:
            found.setdefault(tuple(sequence.output_ids), (sequence.stop_reason == "stop", 0.0))
        for proposal in request.proposals:
            found[proposal.ids] = (True, proposal.prior)
        whole = [[*ids, *([stop_id] if has_stop else [])] for ids, (has_stop, _) in found.items()]
        prompt_ids = request.prompt_ids
        likely = self.runner.log_probs(whole, prompt_ids[-1], request.prompt_cache)
        alone = self.runner.log_probs(whole, prompt_ids[0], None)
        return [
            Scored(ids, has_stop, log_prob, log_prob_alone, prior)
            for (ids, (has_stop, prior)), log_prob, log_prob_alone in zip(
                found.items(), likely, alone, strict=True
            )
        ]

    def fail_all(self, error: Exception) -> list[Request]:
        """End every request, running or waiting, with an error; return them."""
        requests = [*self.scheduler.running, *self.scheduler.waiting]
        for request in requests:
            self.scheduler.remove(request)
            request.finish("failed", error)
        return requests

    def generate(
        self, prompts: Iterable[Iterable[int]], params: SamplingParams, rules: TokenRules
    ) -> list[list[int]]:
        """Return the reply to each prompt, in order; blocks until all are done.

        With a ``params.seed`` every prompt is sampled with that same seed.

        Raises:
            ValueError: prompt and reply could outgrow the model's positions.
            Exception: what the model raised for one of them, after the others ended.
        """
        return self.complete(Request(prompt, params, rules) for prompt in prompts)

    def complete(self, requests: Iterable[Request]) -> list[list[int]]:
        """Return the reply to each request, in order; blocks until all are done.

        Raises: as ``generate``.
        """
        requests = list(requests)
        for request in requests:
            self._check_length(request)
        pending = deque(requests)
        while pending or not self.is_idle:
            while pending and not self.scheduler.is_full:
                self.add(pending.popleft())
            self.step()
        for request in requests:
            if request.error is not None:
                raise request.error
        return [request.output_ids for request in requests]

    def _check_length(self, request: Request) -> None:
        proposed = max((len(proposal.ids) for proposal in request.proposals), default=0)
        needed = max(request.max_length, len(request.prompt_ids) + proposed)
        if needed > self.max_length:
            raise ValueError(
                f"prompt and reply need {needed} positions; the model has {self.max_length}"
            )
