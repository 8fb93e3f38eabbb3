import time
from collections.abc import Callable

import pytest
from transformers import GPT2LMHeadModel

from chatbot.decoding import engine as module
from chatbot.decoding.engine import Engine
from chatbot.decoding.request import Request

MakeRequest = Callable[..., Request]


class Clock:
    """A clock that stands still until it is set."""

    now = 1000.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(module, "time", clock)
    return clock


def test_one_that_runs_ends_at_its_deadline_with_what_it_has(
    model: GPT2LMHeadModel, make_request: MakeRequest, clock: Clock
) -> None:
    engine = Engine(model)
    late = make_request(no_repeat_ngram=1, deadline=1005.0)
    other = make_request(no_repeat_ngram=1)
    engine.add(late)
    engine.add(other)
    engine.step()
    clock.now = 1004.9
    engine.step()
    assert not late.is_finished
    clock.now = 1005.0
    assert engine.step() == [late, other]
    assert (late.finish_reason, late.error, len(late.output_ids)) == ("deadline", None, 2)
    assert engine.runner.rows == other.sequences
    assert len(other.output_ids) == 3


def test_one_that_waits_ends_at_its_deadline_and_leaves_the_queue(
    model: GPT2LMHeadModel, make_request: MakeRequest, clock: Clock
) -> None:
    engine = Engine(model, num_slots=1, max_waiting=2)
    first = make_request(no_repeat_ngram=1)
    late, last = make_request(deadline=1005.0), make_request()
    for request in (first, late, last):
        engine.add(request)
    engine.step()
    clock.now = 1006.0
    assert engine.step() == [late, first]
    assert (late.finish_reason, late.output_ids) == ("deadline", [])
    assert list(engine.scheduler.waiting) == [last]
    engine.cancel(first)
    assert engine.step() == [last]


def test_a_deadline_that_has_passed_before_the_first_step_runs_nothing(
    model: GPT2LMHeadModel, make_request: MakeRequest, clock: Clock
) -> None:
    engine = Engine(model)
    late = make_request(deadline=999.0, candidates=3)
    engine.add(late)
    assert engine.step() == [late]
    assert late.finish_reason == "deadline"
    assert engine.is_idle
    assert engine.runner.prefixes.num_misses == 0
    engine.cancel(late)
    assert late.finish_reason == "deadline"
    assert clock.now == 1000.0


def test_one_that_ends_in_time_is_not_touched(
    model: GPT2LMHeadModel, make_request: MakeRequest
) -> None:
    request, free = make_request(deadline=time.monotonic() + 1000), make_request()
    replies = Engine(model).complete([request, free])
    assert replies[0] == replies[1] != []
    assert request.finish_reason == free.finish_reason
