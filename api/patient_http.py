"""HTTP/1.1 for clients that are slow: patient with them, but not for ever."""

import asyncio
from collections.abc import Callable
from typing import Any

from api.bounded_http import BoundedHttp


class _Timer:
    """Does something later, unless it is stopped before."""

    _handle: asyncio.TimerHandle | None = None

    def start(self, seconds: float, action: Callable[[], object]) -> None:
        if self._handle is None:
            self._handle = asyncio.get_running_loop().call_later(seconds, action)

    def stop(self) -> None:
        if self._handle is not None:
            self._handle.cancel()
            self._handle = None


class PatientHttp(BoundedHttp):
    """Hangs up on who keeps a connection without a use for it.

    That is who does not send the head of a request, or does not take what is sent to it. The body
    of a request is the application's to wait for, and a reply has a deadline of its own.

    Attributes:
        head_seconds: for the head, from the connection or the first byte after an answer.
        write_seconds: for as much of an answer as does not fit into the buffers.
    """

    head_seconds = 20.0
    write_seconds = 60.0

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._head_timer, self._write_timer = _Timer(), _Timer()

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin to wait for the first request."""
        super().connection_made(transport)
        self._head_timer.start(self.head_seconds, transport.close)

    def data_received(self, data: bytes) -> None:
        """Parse what came; what belongs to no request under way must soon become one."""
        super().data_received(data)
        if self.cycle is None or self.cycle.response_complete:
            self._head_timer.start(self.head_seconds, self.transport.close)

    def on_headers_complete(self) -> None:
        """Begin the request."""
        self._head_timer.stop()
        super().on_headers_complete()

    def pause_writing(self) -> None:
        """Wait until the client has taken some of the answer."""
        super().pause_writing()
        self._write_timer.start(self.write_seconds, self.transport.abort)

    def resume_writing(self) -> None:
        """Go on."""
        self._write_timer.stop()
        super().resume_writing()

    def connection_lost(self, exc: Exception | None) -> None:
        """End."""
        self._head_timer.stop()
        self._write_timer.stop()
        super().connection_lost(exc)
