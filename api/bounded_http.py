"""HTTP/1.1 by httptools, which costs a fraction of h11, with what it lacks of h11's care."""

import asyncio
from typing import Any

from httptools import HttpParserError, HttpParserUpgrade, HttpRequestParser
from uvicorn.config import Config
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.server import ServerState

_INVALID = "Invalid HTTP request received."
_TOO_LONG = "Request header too long."


class BoundedHttp(HttpToolsProtocol):
    """Hangs up on who sends more than `h11_max_incomplete_event_size` bytes of nothing.

    That is of a head, a trailer or a chunk's frame that goes on and on: what the parser would
    gather without an end. Bodies are the application's to count.

    An offer to upgrade to another protocol is passed over, as whoever makes it expects; the
    parser of itself would stop there and lose the body.
    """

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        assert config.h11_max_incomplete_event_size is not None, "the service has a limit"
        super().__init__(config, server_state, app_state, _loop)
        self._max_bytes = config.h11_max_incomplete_event_size
        self._num_bytes = 0  # that came since something was complete

    def data_received(self, data: bytes) -> None:
        """Parse what came, unless it is too much of nothing."""
        self._unset_keepalive_if_required()
        self._num_bytes += len(data)
        try:
            self._parse(data)
        except HttpParserError:
            self.logger.info(_INVALID)
            self.send_400_response(_INVALID)
            return
        if self._num_bytes > self._max_bytes and not self.transport.is_closing():
            self.send_400_response(_TOO_LONG)

    def on_headers_complete(self) -> None:
        """Begin the request."""
        self._num_bytes = 0
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """Take a piece of the body."""
        self._num_bytes = 0
        super().on_body(body)

    def on_message_complete(self) -> None:
        """End the request."""
        self._num_bytes = 0
        super().on_message_complete()

    def _parse(self, data: bytes) -> None:
        try:
            self.parser.feed_data(data)
        except HttpParserUpgrade as upgrade:
            if self.parser.get_method() == b"CONNECT":
                raise HttpParserError from upgrade
            (num_parsed,) = upgrade.args
            head = self._head_without_offer()
            self.parser = HttpRequestParser(self)
            self._parse(head + data[num_parsed:])

    def _should_upgrade(self) -> bool:
        """Begin no request while its head holds an offer: it will be parsed again without."""
        return True

    def _head_without_offer(self) -> bytes:
        version = self.parser.get_http_version().encode()
        lines = [b"%s %s HTTP/%s" % (self.parser.get_method(), self.url, version)]
        lines += [b"%s: %s" % header for header in self.headers if header[0] != b"upgrade"]
        return b"\r\n".join([*lines, b"", b""])
