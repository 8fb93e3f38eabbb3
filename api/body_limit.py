"""A limit on the size of a request's body, in pure ASGI so that streaming stays as it is."""

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.problems import BODY_TOO_LARGE, ProblemError, to_response


class BodyLimit:
    """Answers 413 when a body is announced, or turns out, to be longer than `max_bytes`.

    A declared `Content-Length` is judged before anything is read. A chunked body is counted
    while the application reads it; the error then rises through the application, whose own
    handler for `ProblemError` answers.
    """

    def __init__(self, app: ASGIApp, max_bytes: int) -> None:
        self.app = app
        self.max_bytes = max_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one ASGI connection."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        declared = Headers(scope=scope).get("content-length", "")
        if declared.isdecimal() and int(declared) > self.max_bytes:
            error = self._too_large()
            await to_response(error.problem)(scope, receive, send)
            return
        await self.app(scope, self._counting(receive), send)

    def _counting(self, receive: Receive) -> Receive:
        num_bytes = 0

        async def counted() -> Message:
            nonlocal num_bytes
            message = await receive()
            if message["type"] == "http.request":
                num_bytes += len(message.get("body", b""))
                if num_bytes > self.max_bytes:
                    raise self._too_large()
            return message

        return counted

    def _too_large(self) -> ProblemError:
        return ProblemError(BODY_TOO_LARGE, f"请求体最大 {self.max_bytes} 字节，请缩短后再发。")
