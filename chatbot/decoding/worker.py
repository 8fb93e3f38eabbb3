"""The one thread that owns the engine, and the streams that lead out of it."""

import asyncio
import logging
import threading
from collections import deque

from chatbot.decoding.engine import Engine
from chatbot.decoding.request import FinishReason, Request
from chatbot.errors import EngineStopped, GenerationFailed, QueueFull

logger = logging.getLogger(__name__)


class TokenStream:
    """The ids of one reply as they are made: ``async for token_id in stream``.

    It belongs to the event loop that submitted the request. Iterating raises ``GenerationFailed``
    or ``EngineStopped`` when the request ended so; after ``cancel`` the iteration just ends.
    """

    def __init__(self, worker: "Worker", request: Request) -> None:
        self._worker = worker
        self._request = request
        self._loop = asyncio.get_running_loop()
        self._items: asyncio.Queue[int | Exception | None] = asyncio.Queue()
        self._num_delivered = 0  # of the engine's thread
        self._has_ended = False
        self.is_cancelled = False

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
            self._worker.cancel(self._request)

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
            self._worker.cancel(self._request)

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


class Worker:
    """Runs an engine in its own thread until ``close``.

    ``submit`` and ``cancel`` leave orders that the thread takes between two steps.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._streams: dict[Request, TokenStream] = {}
        self._to_add: deque[Request] = deque()
        self._to_cancel: deque[Request] = deque()
        self._is_closing = False
        self._orders = threading.Condition()  # guards all of the above but the engine
        self._thread = threading.Thread(target=self._work, name="decoding", daemon=True)
        self._thread.start()

    @property
    def num_open(self) -> int:
        """Requests that were submitted and have not ended."""
        return len(self._streams)

    def submit(self, request: Request) -> TokenStream:
        """Hand a request over, from a running event loop; returns at once.

        Raises:
            QueueFull: all slots are taken and as many wait as may.
            EngineStopped: the worker is closed.
        """
        stream = TokenStream(self, request)
        scheduler = self._engine.scheduler
        with self._orders:
            if self._is_closing:
                raise EngineStopped
            if len(self._streams) >= scheduler.capacity:
                raise QueueFull(scheduler.max_waiting)
            self._streams[request] = stream
            self._to_add.append(request)
            self._orders.notify()
        return stream

    def cancel(self, request: Request) -> None:
        """End a request before the next step; nothing happens when it has ended."""
        with self._orders:
            self._to_cancel.append(request)
            self._orders.notify()

    def close(self) -> None:
        """Stop after the step under way; open requests end with ``EngineStopped``. Idempotent."""
        with self._orders:
            self._is_closing = True
            self._orders.notify()
        self._thread.join()

    def _work(self) -> None:
        try:
            while self._take_orders():
                self._deliver(self._step())
        finally:
            with self._orders:
                self._is_closing = True
                streams = list(self._streams.values())
                self._streams.clear()
            for stream in streams:
                stream.deliver(EngineStopped())

    def _step(self) -> list[Request]:
        try:
            return self._engine.step()
        except Exception as error:
            return self._engine.fail_all(error)

    def _take_orders(self) -> bool:
        """Wait until a step has work to do; return False when closing instead."""
        while not self._is_closing:
            with self._orders:
                self._orders.wait_for(self._may_go_on)
                added, cancelled = list(self._to_add), list(self._to_cancel)
                self._to_add.clear()
                self._to_cancel.clear()
            for request in added:
                self._add(request)
            for request in cancelled:
                self._engine.cancel(request)
            self._deliver(cancelled)
            if not self._engine.is_idle:
                return True
        return False

    def _may_go_on(self) -> bool:
        has_orders = bool(self._to_add or self._to_cancel)
        return has_orders or self._is_closing or not self._engine.is_idle

    def _add(self, request: Request) -> None:
        try:
            self._engine.add(request)
        except Exception as error:
            request.finish("failed", error)
            self._deliver([request])

    def _deliver(self, requests: list[Request]) -> None:
        for request in requests:
            stream = self._streams.get(request)
            if stream is None:  # it had ended before it was cancelled
                continue
            if request.error is not None:
                logger.error("a reply failed", exc_info=request.error)
            if request.is_finished:
                with self._orders:
                    del self._streams[request]
            stream.deliver()
