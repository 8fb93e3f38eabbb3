"""A limit on the size of a request's headers, in pure ASGI."""

from starlette.types import ASGIApp, Receive, Scope, Send

from api.problems import HEADERS_TOO_LARGE, describe, to_response


class HeaderLimit:
    """Answers 431 when the headers together have more than `max_bytes`.

    A server that reads them piece by piece stops at a like limit of its own; this one also
    counts those that come in one piece.
    """

    def __init__(self, app: ASGIApp, max_bytes: int) -> None:
        self.app = app
        self.max_bytes = max_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one ASGI connection."""
        if scope["type"] == "http":
            num_bytes = sum(len(name) + len(value) for name, value in scope["headers"])
            if num_bytes + len(scope.get("query_string", b"")) > self.max_bytes:
                words = f"请求头和查询串一共最多 {self.max_bytes} 字节，请缩短后再发。"
                problem = describe(HEADERS_TOO_LARGE, words)
                await to_response(problem)(scope, receive, send)
                return
        await self.app(scope, receive, send)
