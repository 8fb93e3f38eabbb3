"""Arrivals, cancellations, deadlines, failures and lengths at random, beside what each gives alone.

Every request ends exactly once, no slot and no row leaks, and no token of one reaches another.
"""

import time
from collections.abc import Callable, Hashable

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from transformers import GPT2LMHeadModel

from chatbot.decoding.engine import Engine
from chatbot.decoding.params import Precision, SamplingParams
from chatbot.decoding.request import Proposal, Request, Status
from chatbot.decoding.sequence import TokenRules
from chatbot.errors import QueueFull

Ids = tuple[int, ...]
RandomPrompts = Callable[..., list[Ids]]
NUM_SLOTS, MAX_WAITING = 3, 3
SEP, POISON, FOREIGN = 3, 90, 500
RULES = TokenRules(
    stop_ids=frozenset({SEP, *range(30, 36)}), banned_ids=frozenset({0, 1, 2, 4, POISON})
)


class Lifecycle(RuleBasedStateMachine):
    """An engine under random orders. ``model`` and ``prompts`` are set by the test below."""

    model: GPT2LMHeadModel
    prompts: list[Ids]
    replies: dict[Hashable, tuple[list[int], str | None]]

    def __init__(self) -> None:
        super().__init__()
        self.requests: list[Request] = []
        self.ends: dict[Request, int] = {}

    @initialize(
        precision=st.sampled_from(["float32", "int8"]), cache_bytes=st.sampled_from([0, 10**6])
    )
    def start(self, precision: Precision, cache_bytes: int) -> None:
        self.engine = Engine(
            self.model,
            num_slots=NUM_SLOTS,
            max_waiting=MAX_WAITING,
            precision=precision,
            cache_bytes=cache_bytes,
            prompt_tokens=20,
        )

    @rule(
        place=st.integers(0, 7),
        length=st.integers(1, 8),
        candidates=st.sampled_from([1, 1, 2, 9]),
        proposals=st.sampled_from([(), (), (Proposal((20, 21), 0.5),), (Proposal((FOREIGN,), 1),)]),
        seed=st.integers(0, 1),
        is_late=st.sampled_from([False, False, False, True]),
    )
    def add(
        self,
        place: int,
        length: int,
        candidates: int,
        proposals: tuple[Proposal, ...],
        seed: int,
        is_late: bool,
    ) -> None:
        params = SamplingParams(
            max_new_tokens=length, seed=seed, candidates=candidates, temperature=1.3
        )
        deadline = time.monotonic() if is_late else None
        request = Request(
            self.prompts[place], params, RULES, proposals=proposals, deadline=deadline
        )
        if sum(not other.is_finished for other in self.requests) < NUM_SLOTS + MAX_WAITING:
            self.engine.add(request)
            self.requests.append(request)
        else:
            with pytest.raises(QueueFull):
                self.engine.add(request)

    @precondition(lambda self: self.requests)
    @rule(data=st.data())
    def cancel(self, data: st.DataObject) -> None:
        request = data.draw(st.sampled_from(self.requests))
        was_finished = request.is_finished
        self.engine.cancel(request)
        if not was_finished:
            self.ends[request] = 1

    @rule(count=st.integers(1, 4))
    def step(self, count: int) -> None:
        for _ in range(count):
            running = [r for r in self.requests if r.status is Status.RUNNING]
            lengths = {r: [len(s.output_ids) for s in r.sequences] for r in running}
            returned = self.engine.step()
            assert len(set(returned)) == len(returned)
            assert set(running) <= set(returned)
            for request in returned:
                if request.is_finished:
                    self.ends[request] = self.ends.get(request, 0) + 1
            for request in running:  # a token each, unless it has ended
                for before, sequence in zip(lengths[request], request.sequences, strict=True):
                    is_open = sequence.stop_reason is None and not request.is_finished
                    assert len(sequence.output_ids) - before == 1 or not is_open

    @invariant()
    def rows_and_slots_are_those_of_the_running(self) -> None:
        if not hasattr(self, "engine"):
            return
        scheduler, rows = self.engine.scheduler, self.engine.runner.rows
        assert scheduler.running == [r for r in self.requests if r.status is Status.RUNNING]
        assert list(scheduler.waiting) == [r for r in self.requests if r.status is Status.WAITING]
        assert len(scheduler.running) <= NUM_SLOTS
        assert len(rows) <= self.engine.runner.num_rows
        assert {id(s) for s in rows} == {
            id(s) for request in scheduler.running for s in request.open_sequences
        }
        assert [sequence.row for sequence in rows] == list(range(len(rows)))

    def teardown(self) -> None:
        if not hasattr(self, "engine"):
            return
        while not self.engine.is_idle:
            self.step(1)
        assert self.engine.runner.rows == []
        for request in self.requests:
            self.check(request)

    def check(self, request: Request) -> None:
        assert request.is_finished
        assert self.ends[request] == 1
        assert request.prompt is None
        assert all(sequence.row is None for sequence in request.sequences)
        assert (request.finish_reason == "failed") == (request.error is not None)
        is_bad = {POISON, FOREIGN} & {
            *request.prompt_ids,
            *(i for p in request.proposals for i in p.ids),
        }
        match request.finish_reason:
            case "deadline":
                assert request.deadline is not None
            case "cancelled":
                assert is_bad or self.is_said_alone(request)
            case "failed":
                assert is_bad
            case reason:
                assert not is_bad
                assert (request.output_ids, reason) == self.alone(request)

    def is_said_alone(self, request: Request) -> bool:
        reply = self.alone(request)[0]
        return request.output_ids == ([] if request.is_ranked else reply[: len(request.output_ids)])

    def alone(self, request: Request) -> tuple[list[int], str | None]:
        """What the request gives by itself in a fresh engine."""
        precision = self.engine.runner.decoder.precision
        key = (precision, request.prompt_ids, request.params, request.proposals)
        if key not in self.replies:
            twin = Request(request.prompt_ids, request.params, RULES, proposals=request.proposals)
            Engine(self.model, precision=precision, cache_bytes=0).complete([twin])
            self.replies[key] = (twin.output_ids, twin.finish_reason)
        return self.replies[key]


def test_every_request_ends_once_and_nothing_leaks(
    poisoned_model: GPT2LMHeadModel, random_prompts: RandomPrompts
) -> None:
    healthy = random_prompts(4, seed=5)
    assert not any(POISON in prompt for prompt in healthy)
    bad: list[Ids] = [(2, FOREIGN, SEP), (2, 10, POISON, SEP)]
    prompts = [*healthy, (*healthy[0], 10, SEP), (*healthy[0], 11, 12, SEP), *bad]

    class Machine(Lifecycle):
        pass

    Machine.model, Machine.prompts, Machine.replies = poisoned_model, prompts, {}
    Machine.TestCase.settings = settings(max_examples=80, stateful_step_count=40, deadline=None)
    Machine.TestCase().runTest()
