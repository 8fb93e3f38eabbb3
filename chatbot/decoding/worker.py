"""The one thread that owns the engine."""

import logging
import threading
import time
from collections import deque

import torch

from chatbot.decoding.engine import Engine
from chatbot.decoding.request import Request
from chatbot.decoding.stream import TokenStream
from chatbot.errors import EngineStopped, QueueFull

logger = logging.getLogger(__name__)


class Worker:
    """Runs an engine in its own thread until ``close``.

    ``submit`` and ``cancel`` leave orders that the thread takes between two steps.
    """

    def __init__(self, engine: Engine, *, num_threads: int | None = None) -> None:
        """Start the thread; the model computes on ``num_threads`` cores, if that is given."""
        self._engine = engine
        self._num_threads = num_threads
        self._streams: dict[Request, TokenStream] = {}
        self._to_add: deque[Request] = deque()
        self._to_cancel: deque[Request] = deque()
        self._is_closing = False
        self._step_began: float | None = None
        self._orders = threading.Condition()  # guards all of the above but the engine
        self._thread = threading.Thread(target=self._work, name="decoding", daemon=True)
        self._thread.start()

    @property
    def num_open(self) -> int:
        """Requests that were submitted and have not ended."""
        return len(self._streams)

    @property
    def last_step_age(self) -> float:
        """Seconds that the step under way has taken so far; 0 between steps.

        One that grows and grows is the sign of a model that hangs.
        """
        began = self._step_began
        return 0.0 if began is None else time.monotonic() - began

    def submit(self, request: Request) -> TokenStream:
        """Hand a request over, from a running event loop; returns at once.

        Raises:
            QueueFull: all slots are taken and as many wait as may.
            EngineStopped: the worker is closed.
        """
        stream = TokenStream(request, self.cancel)
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
        if self._num_threads is not None:
            torch.set_num_threads(self._num_threads)
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
        self._step_began = time.monotonic()
        try:
            return self._engine.step()
        except Exception as error:
            return self._engine.fail_all(error)
        finally:
            self._step_began = None

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
