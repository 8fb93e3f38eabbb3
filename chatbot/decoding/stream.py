"""The way of a reply's ids from the engine's thread to the event loop that asked for it."""

import asyncio
from collections import defaultdict
from collections.abc import Callable, Iterable

from chatbot.decoding.reading import TokenLogProb
from chatbot.decoding.request import FinishReason, Request
from chatbot.decoding.timing import Timing
from chatbot.errors import GenerationFailed

Items = list[int | Exception | None]


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
        # Log-probabilities are known at the end: who reads an id is to have them all.
        self._comes_whole = request.top_log_probs is not None
        self._has_ended = False
        self.is_cancelled = False
        self.timing = Timing()

    @property
    def finish_reason(self) -> FinishReason | None:
        """How the request ended; ``None`` while it runs."""
        return "cancelled" if self.is_cancelled else self._request.finish_reason

    @property
    def log_probs(self) -> list[TokenLogProb] | None:
        """How likely the model found each id, once they have come; ``None``: nobody asked."""
        return self._request.log_probs

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

    def come_whole(self) -> None:
        """Send the ids with the end only: whoever reads them anyway then is woken but once."""
        self._comes_whole = True

    def deliver(self, error: Exception | None = None) -> None:
        """Send what is new, and the end if it has come (the engine's thread calls this)."""
        deliver([self], error)

    def _take(self, error: Exception | None) -> Items:
        """Return what is to be sent."""
        is_over = error is not None or self._request.is_finished
        if self._comes_whole and not is_over:
            return []
        items: Items = []
        items += self._request.output_ids[self._num_delivered :]
        self._num_delivered += len(items)
        if is_over:
            items.append(error or self._failure())
        return items

    def _failure(self) -> GenerationFailed | None:
        error = self._request.error
        if error is None:
            return None
        failure = GenerationFailed("模型在回答时出错；请再试一次，若总是这样请查看日志")
        failure.__cause__ = error
        return failure

    def _receive(self, items: Items) -> None:
        for item in items:
            self._items.put_nowait(item)


def deliver(streams: Iterable[TokenStream], error: Exception | None = None) -> None:
    """Send what is new of several streams, waking their event loop once for all of them."""
    by_loop = defaultdict(list)
    for stream in streams:
        by_loop[stream._loop].append(stream)
    for loop, listening in by_loop.items():
        news = [(stream, items) for stream in listening if (items := stream._take(error))]
        if not news and not loop.is_closed():
            continue
        try:
            loop.call_soon_threadsafe(_receive, news)
        except RuntimeError:  # the loop is closed, so nobody listens
            for stream in listening:
                stream._stop(stream._request)


def _receive(news: Iterable[tuple[TokenStream, Items]]) -> None:
    for stream, items in news:
        stream._receive(items)
