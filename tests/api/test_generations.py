import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest

from api import live_reply
from api.generations import Generations
from api.live_reply import Event, Events, LiveReply, Reason
from api.problems import ProblemError
from api.schemas import Delta, Started

Body = Callable[["Stage"], Awaitable[None]]


class Stage:
    """Replies that say one piece each time `step` is called, and what became of them."""

    def __init__(self, seconds: float = 60) -> None:
        self.reasons: list[Reason] = []
        self.generations = Generations(seconds, self.reasons.append)
        self.ended: list[str] = []
        self._steps = asyncio.Semaphore(0)

    def step(self, count: int = 1) -> None:
        for _ in range(count):
            self._steps.release()

    def start(self, name: str = "one", *, grace: float = 0, owner: str | None = None) -> LiveReply:
        return self.generations.start(name, self._events(name), owner=owner, grace=grace)

    async def _events(self, name: str) -> Events:
        try:
            yield Event("start", Started(reply_id=name))
            for piece in ("一", "二"):
                await self._steps.acquire()
                yield Event("delta", Delta(text=piece))
            await self._steps.acquire()
            yield Event("done", Delta(text="一二"))
        finally:
            self.ended.append(name)


def on_stage(body: Body, seconds: float = 60) -> None:
    async def run() -> None:
        async with asyncio.timeout(30):
            stage = Stage(seconds)
            await body(stage)
            await stage.generations.close()

    asyncio.run(run())


async def told(reply: LiveReply, after: int = -1) -> list[str]:
    return [item[1].name async for item in reply.events(after) if item is not None]


async def until(condition: Callable[[], bool]) -> None:
    while not condition():
        await asyncio.sleep(0.001)


def test_a_reply_that_nobody_follows_is_cancelled_at_once() -> None:
    async def body(stage: Stage) -> None:
        reply = stage.start()
        with reply.followed():
            await reply.begun()
        await reply.task
        assert stage.ended == ["one"]
        assert stage.reasons == ["client_left"]

    on_stage(body)


def test_a_follower_may_come_back_within_the_grace_and_misses_nothing() -> None:
    async def body(stage: Stage) -> None:
        reply = stage.start(grace=30)
        with reply.followed():
            stage.step()
            async for item in reply.events():
                if item is not None and item[1].name == "delta":
                    break
        stage.step(2)
        await reply.task  # goes on alone
        again = stage.generations.get("one", None)
        with again.followed():
            assert await told(again, after=1) == ["delta", "done"]
            assert await told(again, after=3) == []
        assert (await again.answer(Delta)).text == "一二"
        assert stage.reasons == []

    on_stage(body)


def test_after_the_grace_it_is_cancelled_and_forgotten() -> None:
    async def body(stage: Stage) -> None:
        reply = stage.start(grace=0.05)
        with reply.followed():
            await reply.begun()
        assert stage.generations.get("one", None) is reply
        await reply.task
        assert stage.reasons == ["client_left"]
        await until(lambda: not stage.generations._replies)
        with pytest.raises(ProblemError) as error:
            stage.generations.get("one", None)
        assert error.value.problem.status == 404

    on_stage(body)


def test_a_stop_is_told_to_all_who_wait() -> None:
    async def body(stage: Stage) -> None:
        reply = stage.start()
        with reply.followed():
            await reply.begun()
            stage.generations.get("one", None).cancel("stopped")
            reply.cancel("shutdown")  # the first reason counts
            assert await told(reply) == ["start", "error"]
            with pytest.raises(ProblemError) as error:
                await reply.answer(Delta)
        assert error.value.problem.status == 409
        assert stage.ended == ["one"]
        assert stage.reasons == ["stopped"]

    on_stage(body)


def test_the_deadline_ends_a_reply_that_hangs() -> None:
    async def body(stage: Stage) -> None:
        reply = stage.start()
        with reply.followed(), pytest.raises(ProblemError) as error:
            await reply.answer(Delta)
        assert error.value.problem.status == 504
        assert stage.reasons == ["deadline"]

    on_stage(body, seconds=0.05)


def test_the_lower_deadline_counts() -> None:
    async def body(stage: Stage) -> None:
        for own, ours in ((0.05, 60.0), (60.0, 0.05)):
            stage.generations = Generations(ours, stage.reasons.append)
            reply = stage.generations.start("one", stage._events("one"), owner=None, seconds=own)
            await reply.task
            assert reply.is_over

    on_stage(body)


def test_another_owners_reply_is_not_found() -> None:
    async def body(stage: Stage) -> None:
        stage.start("mine", owner="key:1")
        assert stage.generations.get("mine", "key:1").id == "mine"
        for other in (None, "key:2"):
            with pytest.raises(ProblemError):
                stage.generations.get("mine", other)

    on_stage(body)


def test_draining_waits_for_what_runs_and_refuses_what_comes() -> None:
    async def body(stage: Stage) -> None:
        reply = stage.start()
        with reply.followed():
            await reply.begun()
            draining = asyncio.create_task(stage.generations.drain())
            await asyncio.sleep(0)
            with pytest.raises(ProblemError) as error:
                stage.generations.refuse_while_draining()
            assert error.value.problem.status == 503
            assert not draining.done()
            stage.step(3)
            await draining
            assert (await reply.answer(Delta)).text == "一二"

    on_stage(body)


def test_closing_ends_all() -> None:
    async def body(stage: Stage) -> None:
        replies = [stage.start(f"{number}", grace=60) for number in range(3)]
        for reply in replies:
            await reply.begun()
        await stage.generations.close()
        assert sorted(stage.ended) == ["0", "1", "2"]
        assert [await told(reply) for reply in replies] == [["start", "error"]] * 3

    on_stage(body)


def test_a_silence_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live_reply, "PING_SECONDS", 0.01)

    async def body(stage: Stage) -> None:
        reply = stage.start()
        with reply.followed():
            events = reply.events(after=0)
            assert [await anext(events), await anext(events)] == [None, None]
            stage.step(3)
            rest = [item async for item in events if item is not None]
        assert [event.name for _, event in rest] == ["delta", "delta", "done"]

    on_stage(body)


def test_a_refusal_is_raised_where_it_is_waited_for() -> None:
    async def refused() -> AsyncIterator[Event]:
        raise KeyError("no")
        yield

    async def body(stage: Stage) -> None:
        reply = stage.generations.start("one", refused(), owner=None)  # type: ignore[arg-type]
        with reply.followed():
            with pytest.raises(KeyError):
                await reply.begun()
            with pytest.raises(KeyError):
                await reply.answer(Delta)
        assert stage.reasons == []

    on_stage(body)
