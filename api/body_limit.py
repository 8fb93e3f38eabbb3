"""A limit on the size of a request's body, in pure ASGI so that streaming stays as it is."""

from collections.abc import Mapping

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.problems import BODY_TOO_LARGE, ProblemError, to_response


class BodyLimit:
    """Answers 413 when a body is announced, or turns out, to be longer than `max_bytes`.

    `by_path` names the paths with a limit of their own.

    A declared `Content-Length` is judged before anything is read. A chunked body is counted
    while the application reads it; the error then rises through the application, whose own
    handler for `ProblemError` answers.
    """

    def __init__(
        self, app: ASGIApp, max_bytes: int, by_path: Mapping[str, int] | None = None
    ) -> None:
        self.app = app
        self.max_bytes = max_bytes
        self.by_path = by_path or {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one ASGI connection."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        max_bytes = self.by_path.get(scope["path"], self.max_bytes)
        declared = Headers(scope=scope).get("content-length", "")
        if declared.isdecimal() and int(declared) > max_bytes:
            error = _too_large(max_bytes)
            await to_response(error.problem)(scope, receive, send)
            return
        await self.app(scope, _counting(receive, max_bytes), send)


def _counting(receive: Receive, max_bytes: int) -> Receive:
    num_bytes = 0

    async def counted() -> Message:
        nonlocal num_bytes
        message = await receive()
        if message["type"] == "http.request":
            num_bytes += len(message.get("body", b""))
            if num_bytes > max_bytes:
                raise _too_large(max_bytes)
        return message

    return counted


def _too_large(max_bytes: int) -> ProblemError:
    return ProblemError(BODY_TOO_LARGE, f"请求体最大 {max_bytes} 字节，请缩短后再发。")
