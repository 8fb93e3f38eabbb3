from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chatbot.decoding.params import SamplingParams
from chatbot.decoding.request import Request, Status
from chatbot.decoding.scheduler import Scheduler
from chatbot.decoding.sequence import TokenRules
from chatbot.errors import QueueFull

MakeRequest = Callable[..., Request]
PLENTY = {"num_rows": 1000, "num_tokens": 10_000}


def test_slots_are_given_in_order_of_arrival(make_request: MakeRequest) -> None:
    scheduler = Scheduler(num_slots=2, max_waiting=2)
    first, second, third = make_request(), make_request(), make_request()
    for request in (first, second, third):
        scheduler.add(request)
    assert scheduler.admit(**PLENTY) == [first, second]
    assert scheduler.admit(**PLENTY) == []
    assert scheduler.running == [first, second]
    assert (first.status, third.status) == (Status.RUNNING, Status.WAITING)
    scheduler.remove(first)
    assert scheduler.admit(**PLENTY) == [third]
    assert scheduler.running == [second, third]


def test_rows_are_given_for_each_candidate(make_request: MakeRequest) -> None:
    scheduler = Scheduler(num_slots=9, max_waiting=9)
    many, few = make_request(candidates=4), make_request()
    scheduler.add(many)
    scheduler.add(few)
    assert scheduler.admit(num_rows=3, num_tokens=100) == []  # few does not overtake
    assert scheduler.admit(num_rows=4, num_tokens=100) == [many]
    assert scheduler.admit(num_rows=1, num_tokens=100) == [few]


def test_prompts_share_a_budget_of_tokens(make_request: MakeRequest) -> None:
    scheduler = Scheduler(num_slots=9, max_waiting=9)
    requests = [make_request([5] * length) for length in (10, 20, 1, 1)]
    for request in requests:
        scheduler.add(request)
    assert scheduler.admit(num_rows=99, num_tokens=29) == requests[:1]
    assert scheduler.admit(num_rows=99, num_tokens=21) == requests[1:3]
    assert scheduler.admit(num_rows=99, num_tokens=1) == requests[3:]


def test_a_prompt_longer_than_the_budget_comes_alone(make_request: MakeRequest) -> None:
    scheduler = Scheduler(num_slots=9, max_waiting=9)
    requests = [make_request([5] * length) for length in (3, 30, 3)]
    for request in requests:
        scheduler.add(request)
    taken = [scheduler.admit(num_rows=99, num_tokens=10) for _ in range(3)]
    assert taken == [[request] for request in requests]


def test_a_full_queue_refuses(make_request: MakeRequest) -> None:
    scheduler = Scheduler(num_slots=1, max_waiting=2)
    assert scheduler.capacity == 3
    held = [make_request() for _ in range(3)]
    for request in held:
        assert not scheduler.is_full
        scheduler.add(request)
    assert scheduler.is_full
    with pytest.raises(QueueFull) as caught:
        scheduler.add(make_request())
    assert caught.value.limit == 2
    scheduler.remove(held[1])
    scheduler.add(make_request())
    scheduler.admit(**PLENTY)
    with pytest.raises(QueueFull):
        scheduler.add(make_request())


def test_it_is_idle_when_nothing_is_left(make_request: MakeRequest) -> None:
    scheduler = Scheduler(num_slots=1, max_waiting=1)
    running, waiting = make_request(), make_request()
    assert scheduler.is_idle
    scheduler.add(running)
    scheduler.admit(**PLENTY)
    scheduler.add(waiting)
    scheduler.remove(waiting)
    assert not scheduler.is_idle
    scheduler.remove(running)
    assert scheduler.is_idle


@settings(max_examples=100, deadline=None)
@given(
    st.lists(st.tuples(st.integers(1, 4), st.integers(1, 30)), min_size=1, max_size=12),
    st.integers(1, 5),
    st.integers(4, 8),
    st.integers(1, 40),
)
def test_no_limit_is_passed_and_everyone_gets_their_turn(
    sizes: list[tuple[int, int]], num_slots: int, num_rows: int, num_tokens: int
) -> None:
    scheduler = Scheduler(num_slots=num_slots, max_waiting=12)
    rules = TokenRules(stop_ids=frozenset({3}))
    requests = [
        Request([5] * length, SamplingParams(candidates=candidates), rules)
        for candidates, length in sizes
    ]
    for request in requests:
        scheduler.add(request)
    served: list[Request] = []
    for _ in requests:
        used = sum(len(request.sequences) for request in scheduler.running)
        admitted = scheduler.admit(num_rows=num_rows - used, num_tokens=num_tokens)
        served += admitted
        assert len(scheduler.running) <= num_slots
        assert sum(len(request.sequences) for request in scheduler.running) <= num_rows
        prompts = [len(request.prompt_ids) for request in admitted]
        assert sum(prompts) <= num_tokens or len(prompts) == 1
        scheduler.remove(scheduler.running[0])
    assert served == requests
