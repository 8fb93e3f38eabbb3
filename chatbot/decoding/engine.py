"""The engine: requests in, one token for each of their replies a step."""

import time
from collections import deque
from collections.abc import Iterable

import torch
from torch import Tensor
from transformers import GPT2LMHeadModel

from chatbot.decoding.params import (
    CACHE_BYTES,
    MAX_WAITING,
    NUM_SLOTS,
    PROMPT_TOKENS,
    RANGES,
    Precision,
    SamplingParams,
)
from chatbot.decoding.ranking import RankingWeights
from chatbot.decoding.reading import token_log_probs
from chatbot.decoding.request import FinishReason, Request
from chatbot.decoding.runner import ModelRunner
from chatbot.decoding.sampling import NO_TOKEN, sample
from chatbot.decoding.scheduler import Scheduler
from chatbot.decoding.scoring import choose
from chatbot.decoding.sequence import Sequence, TokenRules


class Engine:
    """Decodes several requests together, a token each a step. Not thread-safe: see ``worker.py``.

    Requests join and leave between steps. What a request gets does not depend on its neighbours:
    every sum of the model runs over one row's numbers alone (``linear.py``, ``attention.py``,
    ``native/``).
    """

    def __init__(
        self,
        model: GPT2LMHeadModel,
        *,
        num_slots: int = NUM_SLOTS,
        max_waiting: int = MAX_WAITING,
        precision: Precision = "auto",
        cache_bytes: int = CACHE_BYTES,
        prompt_tokens: int = PROMPT_TOKENS,
        weights: RankingWeights | None = None,
    ) -> None:
        """Make a model ready to decode; its weights are copied.

        Args:
            num_slots: requests that run at once.
            max_waiting: requests that may wait for a slot.
            precision: of the model's products, see ``linear.py``.
            cache_bytes: keys and values in all, half of it for conversations between turns.
            prompt_tokens: of all prompts that are read in one step.
        """
        self.runner = ModelRunner(
            model,
            precision=precision,
            cache_bytes=cache_bytes,
            min_rows=int(RANGES["candidates"].high),
        )
        self.scheduler = Scheduler(num_slots=num_slots, max_waiting=max_waiting)
        self.prompt_tokens = prompt_tokens
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
            self._drop(request)
            request.finish("cancelled")

    def step(self) -> list[Request]:
        """Bring every running request one token further; return those that ran or ended."""
        with self.runner.threads():
            return self._step()

    def _step(self) -> list[Request]:
        expired = self._expire()
        rows = range(len(self.runner.rows))
        admitted = self.scheduler.admit(
            num_rows=self.runner.num_rows - len(rows), num_tokens=self.prompt_tokens
        )
        requests = list(self.scheduler.running)
        if not requests:
            return expired
        try:
            logits = self.runner.run(rows, admitted)
        except Exception:
            self._run_apart(requests, admitted)
        else:
            self._advance(self.runner.rows, logits, requests)
        return [*expired, *requests]

    def _run_apart(self, requests: list[Request], admitted: list[Request]) -> None:
        """Step each request alone, so that only who is to blame fails."""
        for request in requests:
            begin = len(self.runner.rows)
            sequences = list(request.open_sequences)
            try:
                if request in admitted:
                    logits = self.runner.run(range(begin, begin), [request])
                else:
                    logits = torch.cat([self.runner.run_row(item) for item in sequences])
            except Exception as error:
                self._fail(request, error)
            else:
                self._advance(sequences, logits, [request])

    def _advance(
        self, sequences: Iterable[Sequence], logits: Tensor, requests: list[Request]
    ) -> None:
        """Sample the next token of each sequence and end what has ended."""
        sequences = list(sequences)
        failed: set[Sequence] = set()
        tokens = sample(logits, sequences, self.runner.vocabulary)
        for sequence, token_id in zip(sequences, tokens, strict=True):
            if token_id == NO_TOKEN:
                failed.add(sequence)
            else:
                sequence.append(token_id)
        for request in requests:
            if failed.isdisjoint(request.sequences):
                self._close(request)
            else:
                error = ValueError("the model's output is not finite, or every token is banned")
                self._fail(request, error)

    def _close(self, request: Request) -> None:
        """Let ended sequences go, and finish the request with the last of them."""
        try:
            for sequence in request.sequences:
                if sequence.stop_reason is not None and sequence.row is not None:
                    if not request.is_ranked:
                        self.runner.keep(sequence)
                    self.runner.release(sequence)
            if request.open_sequences:
                return
            self._end(request)
            self.scheduler.remove(request)
        except Exception as error:
            self._fail(request, error)

    def _end(self, request: Request) -> None:
        """Finish a request all of whose replies have ended, with the best of them."""
        ids, reason = self._best(request)
        if request.top_log_probs is not None:
            assert request.prompt is not None, "it was read"
            request.log_probs = token_log_probs(
                self.runner.decoder, ids, request.prompt, request.top_log_probs
            )
        request.choose(ids, reason)

    def _best(self, request: Request) -> tuple[list[int], FinishReason]:
        """Return the reply to send, and how it ends."""
        if request.is_ranked:
            assert request.prompt is not None, "it was read"
            self.runner.prefixes.keep(request.prompt)
            return choose(self.runner.decoder, request, self.weights)
        only = request.sequences[0]
        assert only.stop_reason is not None, "it has ended"
        return only.output_ids, only.stop_reason

    def _expire(self) -> list[Request]:
        """End the requests whose deadline has passed; return them."""
        now = time.monotonic()
        everyone = [*self.scheduler.running, *self.scheduler.waiting]
        expired = [r for r in everyone if r.deadline is not None and r.deadline <= now]
        for request in expired:
            self._drop(request)
            request.finish("deadline")
        return expired

    def _fail(self, request: Request, error: Exception) -> None:
        self._drop(request, spoilt=True)
        request.finish("failed", error)

    def _drop(self, request: Request, *, spoilt: bool = False) -> None:
        """Free a request's slot and rows."""
        for sequence in request.sequences:
            if sequence.row is not None:
                self.runner.release(sequence, spoilt=spoilt)
        self.scheduler.remove(request)

    def fail_all(self, error: Exception) -> list[Request]:
        """End every request, running or waiting, with an error; return them."""
        requests = [*self.scheduler.running, *self.scheduler.waiting]
        for request in requests:
            self._fail(request, error)
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
