"""The way of a reply's ids from the engine's thread to the event loop that asked for it."""

import asyncio
from collections.abc import Callable

from chatbot.decoding.request import FinishReason, Request
from chatbot.decoding.timing import Timing
from chatbot.errors import GenerationFailed


class TokenStream:
    """The ids of one reply as they are made: ``async for token_id in stream``.

    It belongs to the event loop that submitted the request. Iterating raises ``GenerationFailed``
    or ``EngineStopped`` when the request ended so; after ``cancel`` the iteration just ends.
    """

    def __init__(self, request: Request, stop: Callable[[Request], None]) -> None:
        """Begin a stream; ``stop`` ends a request in the engine."""
        self._stop = stop
        self._request = request
        self._loop = asyncio.get_running_loop()
        self._items: asyncio.Queue[int | Exception | None] = asyncio.Queue()
        self._num_delivered = 0  # of the engine's thread
        self._has_ended = False
        self.is_cancelled = False
        self.timing = Timing()

    @property
    def finish_reason(self) -> FinishReason | None:
        """How the request ended; ``None`` while it runs."""
        return "cancelled" if self.is_cancelled else self._request.finish_reason

    def __aiter__(self) -> "TokenStream":
        return self

    async def __anext__(self) -> int:
        if self._has_ended:
            raise StopAsyncIteration
        try:
            item = await self._items.get()
        except asyncio.CancelledError:
            self.cancel()
            raise
        if isinstance(item, int) and not self.is_cancelled:
            return item
        self._has_ended = True
        if isinstance(item, Exception) and not self.is_cancelled:
            raise item
        raise StopAsyncIteration

    def cancel(self) -> None:
        """Stop the request; its slot is free within two steps. Idempotent."""
        if not self._has_ended and not self.is_cancelled:
            self.is_cancelled = True
            self._items.put_nowait(None)  # wakes whoever waits for the next id
            self._stop(self._request)

    def deliver(self, error: Exception | None = None) -> None:
        """Send what is new, and the end if it has come (the engine's thread calls this)."""
        items: list[int | Exception | None] = []
        items += self._request.output_ids[self._num_delivered :]
        self._num_delivered += len(items)
        if error is not None or self._request.is_finished:
            items.append(error or self._failure())
        try:
            self._loop.call_soon_threadsafe(self._receive, items)
        except RuntimeError:  # the loop is closed, so nobody listens
            self._stop(self._request)

    def _failure(self) -> GenerationFailed | None:
        error = self._request.error
        if error is None:
            return None
        failure = GenerationFailed("模型在回答时出错；请再试一次，若总是这样请查看日志")
        failure.__cause__ = error
        return failure

    def _receive(self, items: list[int | Exception | None]) -> None:
        for item in items:
            self._items.put_nowait(item)
