"""A reply under way, apart from the connection that asked for it.

It runs in a task of its own: a slow reader cannot hold it up, and a connection that breaks can be
taken up again where it broke. When nobody follows it any more, it is cancelled: at once, or after
a grace if its client asked for one.
"""

import asyncio
from collections.abc import AsyncGenerator, Callable, Iterator
from contextlib import aclosing, contextmanager
from dataclasses import dataclass
from typing import Literal, TypeVar

from pydantic import BaseModel

from api.handlers import as_problem
from api.problems import DEADLINE, STOPPED, STOPPING, Kind, ProblemError

PING_SECONDS = 15.0
Reason = Literal["client_left", "stopped", "deadline", "shutdown"]
Answer = TypeVar("Answer", bound=BaseModel)
PROBLEMS: dict[Reason, tuple[Kind, str]] = {
    "client_left": (STOPPED, "连接断开太久，这次回复已经停下。"),
    "stopped": (STOPPED, "这次回复已经叫停，没有保存。"),
    "deadline": (DEADLINE, "没能在限定的时间内答完，请再试一次。"),
    "shutdown": (STOPPING, "服务正在停止或重启，请稍后再试。"),
}


@dataclass(frozen=True)
class Event:
    """One step of a reply: `start`, `delta` …, and at last `done` or `error`."""

    name: str
    data: BaseModel


Events = AsyncGenerator[Event, None]


class LiveReply:
    """A reply that is being made, or was made a moment ago.

    Attributes:
        id: whoever knows it and is the owner may follow the reply or stop it.
        owner: whose it is; None: nobody's, so the id is enough.
        grace: seconds that it goes on, and is kept, while nobody follows it.
        failure: why there is no whole reply, once that is sure.
    """

    def __init__(
        self,
        reply_id: str,
        events: Events,
        *,
        owner: str | None,
        seconds: float,
        grace: float,
        on_cancel: Callable[[Reason], None],
    ) -> None:
        self.id = reply_id
        self.owner = owner
        self.grace = grace
        self._events: list[Event] = []
        self.failure: Exception | None = None
        self._news = asyncio.Event()
        self._num_followers = 0
        self._giving_up: asyncio.TimerHandle | None = None
        self._cancelled: Reason | None = None
        self._on_cancel = on_cancel
        self.task = asyncio.create_task(self._run(events, seconds))

    @property
    def is_over(self) -> bool:
        """Whether nothing more will come."""
        return bool(self._events) and self._events[-1].name in {"done", "error"}

    async def begun(self) -> None:
        """Wait until the reply was admitted.

        Raises:
            Exception: why it was not.
        """
        while not self._events:
            await self._news.wait()
        if self.failure is not None and len(self._events) == 1:
            raise self.failure

    async def answer(self, kind: type[Answer]) -> Answer:
        """Wait for the whole reply.

        Raises:
            Exception: why there is none.
        """
        while not self.is_over:
            await self._news.wait()
        if self.failure is not None:
            raise self.failure
        answer = self._events[-1].data
        assert isinstance(answer, kind), "what the events end with"
        return answer

    async def events(self, after: int = -1) -> AsyncGenerator[tuple[int, Event] | None, None]:
        """The events behind number `after`, and those to come; None after a silence."""
        number = after + 1
        while True:
            if number < len(self._events):
                yield number, self._events[number]
                number += 1
            elif self.is_over:
                return
            else:
                try:
                    async with asyncio.timeout(PING_SECONDS):
                        await self._news.wait()
                except TimeoutError:
                    yield None

    @contextmanager
    def followed(self) -> Iterator[None]:
        """Count one more that waits for the reply; with the last of them it is given up."""
        self._num_followers += 1
        if self._giving_up is not None:
            self._giving_up.cancel()
        try:
            yield
        finally:
            self._num_followers -= 1
            if not self._num_followers and not self.is_over:
                loop = asyncio.get_running_loop()
                self._giving_up = loop.call_later(self.grace, self.cancel, "client_left")

    def cancel(self, reason: Reason) -> None:
        """End the reply; its slot is free within two steps. Nothing happens when it is over."""
        if not self.is_over and self._cancelled is None:
            self._cancelled = reason
            self.task.cancel()

    async def _run(self, events: Events, seconds: float) -> None:
        try:
            async with aclosing(events), asyncio.timeout(seconds) as limit:
                async for event in events:
                    self._publish(event)
        except asyncio.CancelledError:
            self._fail(self._end_early(self._cancelled or "shutdown"))
        except TimeoutError as error:
            self._fail(self._end_early("deadline") if limit.expired() else error)
        except Exception as error:
            self._fail(error)

    def _end_early(self, reason: Reason) -> ProblemError:
        self._on_cancel(reason)
        return ProblemError(*PROBLEMS[reason])

    def _fail(self, error: Exception) -> None:
        if self.is_over:  # stored and told: what comes later changes nothing
            return
        self.failure = error
        self._publish(Event("error", as_problem(error).problem))

    def _publish(self, event: Event) -> None:
        self._events.append(event)
        news, self._news = self._news, asyncio.Event()
        news.set()
