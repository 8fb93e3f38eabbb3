"""The one thread that owns the engine."""

import logging
import threading
import time
from collections import deque
from collections.abc import Callable

import torch

from chatbot.decoding.engine import Engine
from chatbot.decoding.request import Request
from chatbot.decoding.stream import TokenStream, deliver
from chatbot.decoding.timing import Timing
from chatbot.decoding.vitals import Vitals
from chatbot.errors import EngineStopped, QueueFull

logger = logging.getLogger(__name__)


class Worker:
    """Runs an engine in its own thread until ``close``.

    ``submit`` and ``cancel`` leave orders that the thread takes between two steps.
    """

    def __init__(
        self,
        engine: Engine,
        *,
        num_threads: int | None = None,
        on_end: Callable[[Timing], None] | None = None,
    ) -> None:
        """Start the thread.

        Args:
            num_threads: cores that the model computes on; ``None``: torch decides.
            on_end: hears of each request that ended, in the engine's thread.
        """
        self._engine = engine
        self._num_threads = num_threads
        self._on_end = on_end
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
    def vitals(self) -> Vitals:
        """How the engine is doing; free of waiting, whatever it does."""
        scheduler, prefixes = self._engine.scheduler, self._engine.runner.prefixes
        num_running = len(scheduler.running)
        return Vitals(
            is_alive=not self._is_closing,
            num_running=num_running,
            num_waiting=max(0, self.num_open - num_running),
            num_slots=scheduler.num_slots,
            step_seconds=self.last_step_age,
            prefix_hits=prefixes.num_hits,
            prefix_misses=prefixes.num_misses,
        )

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
            if stream := self._streams.get(request):
                stream.timing.cancelled = time.monotonic()
            self._to_cancel.append(request)
            self._orders.notify()

    def close(self, timeout: float | None = None) -> None:
        """Stop after the step under way; open requests end with ``EngineStopped``. Idempotent.

        A step that hangs is waited for ``timeout`` seconds, if given; the thread is then left
        behind, and dies with the process.
        """
        with self._orders:
            self._is_closing = True
            self._orders.notify()
        self._thread.join(timeout)
        self._end_streams()

    def _work(self) -> None:
        if self._num_threads is not None:
            torch.set_num_threads(self._num_threads)
        try:
            while self._take_orders():
                self._deliver(self._step())
        finally:
            self._end_streams()

    def _end_streams(self) -> None:
        with self._orders:
            self._is_closing = True
            streams = list(self._streams.values())
            self._streams.clear()
        deliver(streams, EngineStopped())

    def _step(self) -> list[Request]:
        began = self._step_began = time.monotonic()
        try:
            requests = self._engine.step()
        except Exception as error:
            return self._engine.fail_all(error)
        finally:
            self._step_began = None
        ended = time.monotonic()
        for request in requests:
            stream = self._streams.get(request)
            if stream is not None and request.finish_reason != "deadline":
                stream.timing.step(began, ended)
        return requests

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
        streams: list[TokenStream] = []
        for request in requests:
            stream = self._streams.get(request)
            if stream is None:  # it had ended before it was cancelled
                continue
            if request.error is not None:
                logger.error("a reply failed", exc_info=request.error)
            if request.is_finished:
                with self._orders:
                    self._streams.pop(request, None)  # `close` may have given it up
                self._note_end(request, stream.timing)
            streams.append(stream)
        deliver(streams)

    def _note_end(self, request: Request, timing: Timing) -> None:
        timing.end(request)
        if self._on_end is not None:
            self._on_end(timing)
