import asyncio
from collections.abc import Callable

from transformers import GPT2LMHeadModel

from chatbot.decoding.engine import Engine
from chatbot.decoding.params import SamplingParams
from chatbot.decoding.request import Request
from chatbot.decoding.sequence import TokenRules
from chatbot.decoding.timing import Timing
from chatbot.decoding.worker import Worker

SEP = 3


def timed(model: GPT2LMHeadModel, talk: Callable[[Worker], object]) -> list[Timing]:
    """The timings of all requests of a conversation with a worker."""
    ended: list[Timing] = []

    async def run() -> None:
        worker = Worker(Engine(model, num_slots=1, max_waiting=4), on_end=ended.append)
        try:
            await talk(worker)  # type: ignore[misc]
        finally:
            worker.close()

    asyncio.run(run())
    return ended


def test_every_moment_follows_the_one_before(model: GPT2LMHeadModel, rules: TokenRules) -> None:
    params = SamplingParams(seed=1, max_new_tokens=6)

    async def talk(worker: Worker) -> None:
        streams = [worker.submit(Request([2, 9, SEP], params, rules)) for _ in range(2)]
        for stream in streams:
            async for _ in stream:
                pass

    first, second = timed(model, talk)
    for timing in (first, second):
        assert timing.started is not None
        assert timing.ended is not None
        moments = [timing.submitted, timing.started, *timing.steps, timing.ended]
        assert moments == sorted(moments)
        assert len(timing.steps) in {timing.sampled_tokens, timing.sampled_tokens + 1}
        assert timing.prompt_tokens == 3
        assert timing.finish_reason in {"stop", "length"}
        assert timing.cancelled is None
    assert second.started is not None
    assert second.started >= first.steps[-1], "there is one slot"


def test_all_candidates_are_counted(model: GPT2LMHeadModel, rules: TokenRules) -> None:
    free = TokenRules(stop_ids=rules.stop_ids, banned_ids=rules.banned_ids | rules.stop_ids)
    params = SamplingParams(seed=1, max_new_tokens=4, candidates=3)

    async def talk(worker: Worker) -> None:
        async for _ in worker.submit(Request([2, 9, SEP], params, free)):
            pass

    (timing,) = timed(model, talk)
    assert timing.sampled_tokens == 12
    assert len(timing.steps) == 4


def test_a_cancelled_request_tells_when_it_was_asked_to_end(
    model: GPT2LMHeadModel, rules: TokenRules
) -> None:
    free = TokenRules(stop_ids=frozenset(), banned_ids=rules.banned_ids)
    params = SamplingParams(seed=1, max_new_tokens=60)

    async def talk(worker: Worker) -> None:
        stream = worker.submit(Request([2, 9, SEP], params, free))
        stream.cancel()
        while worker.num_open:
            await asyncio.sleep(0.001)

    (timing,) = timed(model, talk)
    assert timing.finish_reason == "cancelled"
    assert timing.cancelled is not None
    assert timing.ended is not None
    assert timing.submitted < timing.cancelled <= timing.ended
