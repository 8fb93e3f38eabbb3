import asyncio
import threading
import time
from collections.abc import Callable, Iterator

import pytest
import torch
from transformers import GPT2LMHeadModel

from chatbot.decoding.engine import Engine
from chatbot.decoding.params import SamplingParams
from chatbot.decoding.request import Request
from chatbot.decoding.sequence import TokenRules
from chatbot.decoding.worker import TokenStream, Worker
from chatbot.errors import EngineStopped, GenerationFailed, QueueFull

MakeRequest = Callable[..., Request]
SEP = 3


class GatedEngine(Engine):
    """An engine whose steps wait for leave: ``allow(n)`` lets n more happen."""

    def __init__(self, model: GPT2LMHeadModel, **options: int) -> None:
        super().__init__(model, **options)
        self.num_steps = 0
        self.failures: list[Exception] = []
        self._leave = threading.Semaphore(0)

    def allow(self, steps: int = 10_000) -> None:
        self._leave.release(steps)

    def step(self) -> list[Request]:
        self._leave.acquire()
        self.num_steps += 1
        if self.failures:
            raise self.failures.pop()
        return super().step()


@pytest.fixture
def engine(model: GPT2LMHeadModel) -> GatedEngine:
    return GatedEngine(model, num_slots=2, max_waiting=1)


@pytest.fixture
def worker(engine: GatedEngine) -> Iterator[Worker]:
    worker = Worker(engine)
    yield worker
    engine.allow()
    worker.close()


@pytest.fixture
def endless() -> Callable[[], Request]:
    """Requests that go on for 48 tokens."""
    no_stop = TokenRules(stop_ids=frozenset({SEP}), banned_ids=frozenset({0, 1, 2, SEP, 4}))
    params = SamplingParams(max_new_tokens=48, seed=1)
    return lambda: Request([2, 10, SEP], params, no_stop)


async def read(stream: TokenStream) -> list[int]:
    return [token_id async for token_id in stream]


async def until(condition: Callable[[], bool]) -> None:
    """Wait for the engine's thread, half a minute at most."""
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline, "it never came to that"
        await asyncio.sleep(0.002)


def test_streams_give_what_the_engine_gives(model: GPT2LMHeadModel, rules: TokenRules) -> None:
    prompts = [[2, first, 11, SEP] for first in range(10, 22)]
    params = SamplingParams(temperature=1.0, seed=4, max_new_tokens=20)
    expected = Engine(model).generate(prompts, params, rules)

    async def talk() -> list[list[int]]:
        worker = Worker(Engine(model, num_slots=4, max_waiting=20))
        streams = [worker.submit(Request(prompt, params, rules)) for prompt in prompts]
        replies = await asyncio.gather(*(read(stream) for stream in streams))
        assert {stream.finish_reason for stream in streams} <= {"stop", "length"}
        assert worker.num_open == 0
        worker.close()
        return list(replies)

    assert asyncio.run(talk()) == expected


def test_tokens_arrive_one_by_one_while_the_event_loop_runs(
    engine: GatedEngine, worker: Worker, endless: Callable[[], Request]
) -> None:
    async def talk() -> None:
        stream = worker.submit(endless())
        for _ in range(3):
            engine.allow(1)
            assert isinstance(await asyncio.wait_for(anext(stream), 30), int)
        assert engine.num_steps == 3
        stream.cancel()

    asyncio.run(talk())


def test_cancel_frees_the_slot_within_two_steps(
    engine: GatedEngine, worker: Worker, endless: Callable[[], Request]
) -> None:
    async def talk() -> None:
        stream = worker.submit(endless())
        engine.allow(2)
        await anext(stream)
        await anext(stream)  # the thread is at, or already inside, its third step
        stream.cancel()
        stream.cancel()
        assert await read(stream) == []
        assert stream.finish_reason == "cancelled"
        engine.allow(1)
        await until(lambda: worker.num_open == 0)
        assert engine.num_steps <= 3
        assert engine.is_idle

    asyncio.run(talk())


def test_cancelling_the_task_that_reads_cancels_the_request(
    engine: GatedEngine, worker: Worker, endless: Callable[[], Request]
) -> None:
    async def talk() -> None:
        reading = asyncio.create_task(read(worker.submit(endless())))
        engine.allow(2)
        await until(lambda: engine.num_steps == 2)
        reading.cancel()
        with pytest.raises(asyncio.CancelledError):
            await reading
        engine.allow(1)
        await until(lambda: worker.num_open == 0)
        assert engine.num_steps <= 4

    asyncio.run(talk())


def test_cancelling_one_that_waits_or_has_ended(
    engine: GatedEngine,
    worker: Worker,
    endless: Callable[[], Request],
    make_request: MakeRequest,
) -> None:
    async def talk() -> None:
        running = [worker.submit(make_request(max_new_tokens=3)) for _ in range(2)]
        waiting = worker.submit(endless())
        waiting.cancel()
        engine.allow(3)
        assert all([await read(stream) for stream in running])
        await until(lambda: worker.num_open == 0)
        running[0].cancel()
        assert running[0].finish_reason in ("stop", "length")
        again = worker.submit(make_request(max_new_tokens=1))
        engine.allow(1)
        assert await read(again)

    asyncio.run(talk())


def test_a_full_queue_refuses_at_once_and_takes_again(
    engine: GatedEngine, worker: Worker, endless: Callable[[], Request]
) -> None:
    async def talk() -> None:
        streams = [worker.submit(endless()) for _ in range(3)]
        with pytest.raises(QueueFull) as caught:
            worker.submit(endless())
        assert caught.value.limit == 1
        streams[0].cancel()
        engine.allow(2)
        await until(lambda: worker.num_open == 2)
        worker.submit(endless())
        with pytest.raises(QueueFull):
            worker.submit(endless())

    asyncio.run(talk())


def test_a_failing_request_fails_alone(
    engine: GatedEngine, worker: Worker, make_request: MakeRequest
) -> None:
    async def talk() -> None:
        engine.allow()
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
    engine: GatedEngine, worker: Worker, make_request: MakeRequest
) -> None:
    async def talk() -> None:
        streams = [worker.submit(make_request()) for _ in range(2)]
        engine.failures.append(MemoryError("no more"))
        engine.allow()
        for stream in streams:
            with pytest.raises(GenerationFailed):
                await read(stream)
        assert await read(worker.submit(make_request()))

    asyncio.run(talk())


def test_close_ends_all_requests_and_refuses_new_ones(
    engine: GatedEngine, worker: Worker, endless: Callable[[], Request]
) -> None:
    async def talk() -> None:
        streams = [worker.submit(endless()) for _ in range(3)]  # two run, one waits
        readers = [asyncio.create_task(read(stream)) for stream in streams]
        engine.allow(1)
        await until(lambda: engine.num_steps == 1)
        closing = asyncio.create_task(asyncio.to_thread(worker.close))
        await asyncio.sleep(0.01)
        engine.allow(1)
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
    engine: GatedEngine,
    worker: Worker,
    endless: Callable[[], Request],
    make_request: MakeRequest,
) -> None:
    async def leave() -> None:
        worker.submit(endless())

    async def talk() -> None:
        engine.allow()
        await until(lambda: worker.num_open == 0)
        assert engine.num_steps <= 3
        assert await read(worker.submit(make_request()))

    asyncio.run(leave())
    asyncio.run(talk())


def test_only_the_workers_thread_touches_the_model(
    model: GPT2LMHeadModel, make_request: MakeRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    threads: set[str] = set()
    forward = GPT2LMHeadModel.forward

    def spy(self: GPT2LMHeadModel, *args: torch.Tensor, **options: object) -> object:
        threads.add(threading.current_thread().name)
        return forward(self, *args, **options)

    monkeypatch.setattr(GPT2LMHeadModel, "forward", spy)

    async def talk() -> None:
        worker = Worker(Engine(model))
        await asyncio.gather(*(read(worker.submit(make_request())) for _ in range(4)))
        worker.close()

    asyncio.run(talk())
    assert threads == {"decoding"}
