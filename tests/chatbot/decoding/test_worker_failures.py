"""How requests end that do not end by themselves."""

import asyncio
import threading
import time
from collections.abc import Awaitable, Callable
from typing import Protocol

import pytest

from chatbot.decoding.request import Request
from chatbot.decoding.stream import TokenStream
from chatbot.decoding.worker import Worker
from chatbot.errors import EngineStopped, GenerationFailed

MakeRequest = Callable[..., Request]
Until = Callable[[Callable[[], bool]], Awaitable[None]]
SEP = 3


class GatedEngine(Protocol):
    """See ``gated`` in ``conftest.py``."""

    num_steps: int
    failures: list[Exception]
    is_idle: bool

    def allow(self, steps: int = ...) -> None: ...


async def read(stream: TokenStream) -> list[int]:
    return [token_id async for token_id in stream]


def test_a_failing_request_fails_alone(
    gated: GatedEngine, worker: Worker, make_request: MakeRequest
) -> None:
    async def talk() -> None:
        gated.allow()
        good, bad = worker.submit(make_request()), worker.submit(make_request([2, 500, SEP]))
        too_long = worker.submit(make_request([5] * 60))
        for stream, cause in ((bad, IndexError), (too_long, ValueError)):
            with pytest.raises(GenerationFailed) as caught:
                await read(stream)
            assert isinstance(caught.value.__cause__, cause)
            assert stream.finish_reason == "failed"
            assert await read(stream) == []
        assert await read(good) == await read(worker.submit(make_request()))

    asyncio.run(talk())


def test_a_step_that_raises_fails_its_requests_and_the_engine_goes_on(
    gated: GatedEngine, worker: Worker, make_request: MakeRequest, until: Until
) -> None:
    async def talk() -> None:
        streams = [worker.submit(make_request()) for _ in range(2)]
        gated.allow(1)
        held = gated.scheduler
        await until(lambda: len(held.running) + len(held.waiting) == 2)
        gated.failures.append(MemoryError("no more"))
        gated.allow()
        for stream in streams:
            with pytest.raises(GenerationFailed):
                await read(stream)
        assert await read(worker.submit(make_request()))

    asyncio.run(talk())


def test_close_ends_all_requests_and_refuses_new_ones(
    gated: GatedEngine,
    worker: Worker,
    endless: Callable[[], Request],
    until: Until,
) -> None:
    async def talk() -> None:
        streams = [worker.submit(endless()) for _ in range(3)]  # two run, one waits
        readers = [asyncio.create_task(read(stream)) for stream in streams]
        gated.allow(1)
        await until(lambda: gated.num_steps == 1)
        closing = asyncio.create_task(asyncio.to_thread(worker.close))
        await asyncio.sleep(0.01)
        gated.allow(1)
        await closing
        for reader in readers:
            with pytest.raises(EngineStopped):
                await reader
        with pytest.raises(EngineStopped):
            worker.submit(endless())
        worker.close()

    asyncio.run(talk())
    assert "decoding" not in {thread.name for thread in threading.enumerate()}


def test_a_listener_whose_loop_is_gone_does_not_hold_its_slot(
    gated: GatedEngine,
    worker: Worker,
    endless: Callable[[], Request],
    make_request: MakeRequest,
    until: Until,
) -> None:
    async def leave() -> None:
        worker.submit(endless())

    async def talk() -> None:
        gated.allow()
        await until(lambda: worker.num_open == 0)
        assert gated.num_steps <= 3
        assert await read(worker.submit(make_request()))

    asyncio.run(leave())
    asyncio.run(talk())


def test_a_deadline_ends_the_stream_without_an_error(
    gated: GatedEngine, worker: Worker, make_request: MakeRequest
) -> None:
    async def talk() -> None:
        gated.allow()
        late = worker.submit(make_request(deadline=time.monotonic() - 1))
        other = worker.submit(make_request())
        assert await read(late) == []
        assert late.finish_reason == "deadline"
        assert await read(other)
        assert worker.num_open == 0

    asyncio.run(talk())
