"""Logs: one line a request with its id, as text or as JSON; never what was said, unless asked."""

import logging
import re
import secrets
import time

import structlog
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from structlog.contextvars import bind_contextvars, clear_contextvars
from structlog.types import Processor

from api.headers import adding
from api.settings import LogFormat, LogLevel

logger = logging.getLogger("api.requests")

_READABLE_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")
_SECRET_ID = re.compile(r"(?<=/)[\w-]{24}(?=/|$)", re.ASCII)  # of a session or a reply
_UNMATCHED = "other"


def set_up_logs(form: LogFormat, level: LogLevel) -> None:
    """Send everything that is logged, by whichever library, to standard error in one form."""
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.ExtraAdder(),
        structlog.processors.TimeStamper(fmt="iso"),
    ]
    last: list[Processor] = [structlog.stdlib.ProcessorFormatter.remove_processors_meta]
    if form == "json":
        last += [structlog.processors.format_exc_info, _json]
    else:
        last += [structlog.dev.ConsoleRenderer(colors=False)]
    handler = logging.StreamHandler()
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(foreign_pre_chain=shared, processors=last)
    )
    logging.basicConfig(handlers=[handler], level=level.upper(), force=True)


# Chinese unescaped.
_json = structlog.processors.JSONRenderer(ensure_ascii=False)


class RequestLog:
    """ASGI middleware: gives each request an id, times it, and tells the log and the metrics.

    A client's own `X-Request-ID` is kept if it is short and plain; the answer always has one.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one ASGI connection."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        request_id = _request_id(scope)
        clear_contextvars()
        bind_contextvars(request_id=request_id)
        status, began = 0, time.monotonic()
        send = adding({"X-Request-ID": request_id}, send)

        async def noted_send(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self.app(scope, receive, noted_send)
        finally:
            _note(scope, status, time.monotonic() - began)


def without_ids(path: str) -> str:
    """The path as others may read it: whoever knows the id of nobody's session may use it."""
    return _SECRET_ID.sub("{id}", path)


def _note(scope: Scope, status: int, seconds: float) -> None:
    route = getattr(scope.get("route"), "path", _UNMATCHED)
    scope["app"].state.service.metrics.http.labels(route, str(status)).observe(seconds)
    if logger.isEnabledFor(logging.INFO):
        facts = {"method": scope["method"], "path": without_ids(scope["path"]), "status": status}
        logger.info("request", extra=facts | {"seconds": round(seconds, 4)})


def _request_id(scope: Scope) -> str:
    given = Headers(scope=scope).get("x-request-id", "")
    return given if _READABLE_ID.fullmatch(given) else secrets.token_hex(8)
