from collections.abc import Callable

import pytest

from chatbot.decoding.request import Request, Status
from chatbot.decoding.scheduler import Scheduler
from chatbot.errors import QueueFull

MakeRequest = Callable[..., Request]


def test_slots_are_given_in_order_of_arrival(make_request: MakeRequest) -> None:
    scheduler = Scheduler(num_slots=2, max_waiting=2)
    first, second, third = make_request(), make_request(), make_request()
    for request in (first, second, third):
        scheduler.add(request)
    assert scheduler.schedule() == [first, second]
    assert scheduler.schedule() == [first, second]
    assert third.status is Status.WAITING
    scheduler.remove(first)
    assert scheduler.schedule() == [second, third]
    assert third.status is Status.RUNNING


def test_a_full_queue_refuses(make_request: MakeRequest) -> None:
    scheduler = Scheduler(num_slots=1, max_waiting=2)
    held = [make_request() for _ in range(3)]
    for request in held:
        scheduler.add(request)
    assert scheduler.is_full
    with pytest.raises(QueueFull) as caught:
        scheduler.add(make_request())
    assert caught.value.limit == 2
    scheduler.remove(held[1])
    scheduler.add(make_request())
    scheduler.schedule()
    with pytest.raises(QueueFull):
        scheduler.add(make_request())


def test_it_is_idle_when_nothing_is_left(make_request: MakeRequest) -> None:
    scheduler = Scheduler(num_slots=1, max_waiting=1)
    running, waiting = make_request(), make_request()
    assert scheduler.is_idle
    scheduler.add(running)
    scheduler.schedule()
    scheduler.add(waiting)
    scheduler.remove(waiting)
    assert not scheduler.is_idle
    scheduler.remove(running)
    assert scheduler.is_idle
