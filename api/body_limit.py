"""Limits on a request's body, its size and its time, in pure ASGI: streaming stays as it is."""

import asyncio
from collections.abc import Mapping

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.problems import BODY_TOO_LARGE, BODY_TOO_SLOW, ProblemError, to_response


class BodyLimit:
    """Answers 413 when a body is announced, or turns out, to be longer than `max_bytes`.

    And 408 when it is not whole after `max_seconds`.

    `by_path` names the paths with a limit of their own.

    A declared `Content-Length` is judged before anything is read. All else is found while the
    application reads; the error then rises through the application, whose own
    handler for `ProblemError` answers.
    """

    def __init__(
        self,
        app: ASGIApp,
        max_bytes: int,
        by_path: Mapping[str, int] | None = None,
        max_seconds: float = 60,
    ) -> None:
        self.app = app
        self.max_seconds = max_seconds
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
        counted = _counting(receive, max_bytes)
        await self.app(scope, _timed(counted, self.max_seconds), send)


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


def _timed(receive: Receive, max_seconds: float) -> Receive:
    deadline = asyncio.get_running_loop().time() + max_seconds
    has_more = True

    async def timed() -> Message:
        nonlocal has_more
        if not has_more:  # only the client's leaving can come, at any time
            return await receive()
        try:
            async with asyncio.timeout_at(deadline):
                message = await receive()
        except TimeoutError:
            words = f"请求体过了 {max_seconds:g} 秒还没有发完，请检查网络后再发。"
            raise ProblemError(BODY_TOO_SLOW, words) from None
        has_more = bool(message.get("more_body"))
        return message

    return timed


def _too_large(max_bytes: int) -> ProblemError:
    return ProblemError(BODY_TOO_LARGE, f"请求体最大 {max_bytes} 字节，请缩短后再发。")
