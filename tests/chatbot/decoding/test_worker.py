import asyncio
import threading
from collections.abc import Awaitable, Callable
from typing import Any, Protocol

import pytest
import torch
from transformers import GPT2LMHeadModel

from chatbot.decoding.engine import Engine
from chatbot.decoding.params import SamplingParams
from chatbot.decoding.request import Request
from chatbot.decoding.runner import ModelRunner
from chatbot.decoding.sequence import TokenRules
from chatbot.decoding.stream import TokenStream
from chatbot.decoding.worker import Worker
from chatbot.errors import QueueFull

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
    gated: GatedEngine, worker: Worker, endless: Callable[[], Request]
) -> None:
    async def talk() -> None:
        stream = worker.submit(endless())
        for _ in range(3):
            gated.allow(1)
            assert isinstance(await asyncio.wait_for(anext(stream), 30), int)
        assert gated.num_steps == 3
        stream.cancel()

    asyncio.run(talk())


def test_cancel_frees_the_slot_within_two_steps(
    gated: GatedEngine,
    worker: Worker,
    endless: Callable[[], Request],
    until: Until,
) -> None:
    async def talk() -> None:
        stream = worker.submit(endless())
        gated.allow(2)
        await anext(stream)
        await anext(stream)  # the thread is at, or already inside, its third step
        stream.cancel()
        stream.cancel()
        assert await read(stream) == []
        assert stream.finish_reason == "cancelled"
        gated.allow(1)
        await until(lambda: worker.num_open == 0)
        assert gated.num_steps <= 3
        assert gated.is_idle

    asyncio.run(talk())


def test_cancelling_the_task_that_reads_cancels_the_request(
    gated: GatedEngine,
    worker: Worker,
    endless: Callable[[], Request],
    until: Until,
) -> None:
    async def talk() -> None:
        reading = asyncio.create_task(read(worker.submit(endless())))
        gated.allow(2)
        await until(lambda: gated.num_steps == 2)
        reading.cancel()
        with pytest.raises(asyncio.CancelledError):
            await reading
        gated.allow(1)
        await until(lambda: worker.num_open == 0)
        assert gated.num_steps <= 4

    asyncio.run(talk())


def test_cancelling_one_that_waits_or_has_ended(
    gated: GatedEngine,
    worker: Worker,
    endless: Callable[[], Request],
    make_request: MakeRequest,
    until: Until,
) -> None:
    async def talk() -> None:
        running = [worker.submit(make_request(max_new_tokens=3)) for _ in range(2)]
        waiting = worker.submit(endless())
        waiting.cancel()
        gated.allow(3)
        assert all([await read(stream) for stream in running])
        await until(lambda: worker.num_open == 0)
        running[0].cancel()
        assert running[0].finish_reason in ("stop", "length")
        again = worker.submit(make_request(max_new_tokens=1))
        gated.allow(1)
        assert await read(again)

    asyncio.run(talk())


def test_a_full_queue_refuses_at_once_and_takes_again(
    gated: GatedEngine,
    worker: Worker,
    endless: Callable[[], Request],
    until: Until,
) -> None:
    async def talk() -> None:
        streams = [worker.submit(endless()) for _ in range(3)]
        with pytest.raises(QueueFull) as caught:
            worker.submit(endless())
        assert caught.value.limit == 1
        streams[0].cancel()
        gated.allow(2)
        await until(lambda: worker.num_open == 2)
        worker.submit(endless())
        with pytest.raises(QueueFull):
            worker.submit(endless())

    asyncio.run(talk())


def test_only_the_workers_thread_touches_the_model(
    model: GPT2LMHeadModel, make_request: MakeRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    threads: set[str] = set()
    run = ModelRunner.run

    def spy(self: ModelRunner, *args: Any) -> torch.Tensor:
        threads.add(threading.current_thread().name)
        return run(self, *args)

    monkeypatch.setattr(ModelRunner, "run", spy)

    async def talk() -> None:
        worker = Worker(Engine(model))
        await asyncio.gather(*(read(worker.submit(make_request())) for _ in range(4)))
        worker.close()

    asyncio.run(talk())
    assert threads == {"decoding"}


def test_a_step_that_hangs_is_seen(
    gated: GatedEngine, worker: Worker, endless: Callable[[], Request], until: Until
) -> None:
    async def talk() -> None:
        assert worker.last_step_age == 0
        stream = worker.submit(endless())  # its step waits for leave, as if it hung
        await until(lambda: worker.last_step_age > 0.05)
        younger = worker.last_step_age
        await asyncio.sleep(0.02)
        assert worker.last_step_age > younger
        stream.cancel()
        gated.allow()
        await until(lambda: worker.last_step_age == 0)

    asyncio.run(talk())


def test_the_model_computes_on_the_cores_that_it_is_given(model: GPT2LMHeadModel) -> None:
    class Telling(Engine):
        def step(self) -> list[Request]:
            told.append(torch.get_num_threads())
            return super().step()

    told: list[int] = []
    rules = TokenRules(stop_ids=frozenset({SEP}))

    async def talk() -> None:
        worker = Worker(Telling(model), num_threads=3)
        await read(worker.submit(Request([2, 10, SEP], SamplingParams(max_new_tokens=2), rules)))
        worker.close()

    before = torch.get_num_threads()
    asyncio.run(talk())
    assert set(told) == {3}
    assert torch.get_num_threads() == before
