"""What stands before the replicas of a cluster: who goes to which, and our words for its refusals.

Pure ASGI and nothing of Ray, which only knows that `middlewares` says what its proxies must run.
"""

from http.cookies import CookieError, SimpleCookie

from starlette.datastructures import Headers, MutableHeaders
from starlette.middleware import Middleware
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.cookie import COOKIE
from api.problems import (
    DEADLINE,
    NOT_FOUND,
    NOT_READY,
    PROBLEM_MEDIA_TYPE,
    QUEUE_FULL,
    Kind,
    describe,
    to_json,
    to_response,
)

ASKER = "x-session-id"  # requests with the same value go to the same replica
RETRY_SECONDS = 2

_REFUSALS: dict[int, tuple[Kind, str]] = {
    408: (DEADLINE, "没能在限定的时间内答完，请再试一次。"),
    429: (QUEUE_FULL, f"所有副本都在忙，排队的也满了，请过 {RETRY_SECONDS} 秒再试。"),
    503: (NOT_READY, f"现在没有能回答的副本，请过 {RETRY_SECONDS} 秒再试。"),
}
_LOST = f"回答这个请求的副本断开了，请过 {RETRY_SECONDS} 秒再试。"
_OF_ONE_PROCESS = "这个地址说的是单个副本的事，经过集群的入口问不到。"


def middlewares() -> list[Middleware]:
    """What Ray's HTTP proxies put around themselves (RAY_SERVE_HTTP_PROXY_CALLBACK_IMPORT_PATH)."""
    return [Middleware(Front)]


class Front:
    """Sends an asker's requests to one replica, and answers in problems where the proxy does not.

    Only the replica that generates a reply can resume or stop it, and it has the conversation in
    its cache: a browser's cookie names the asker, as `X-Session-ID` does for any other client.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one ASGI connection."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
        elif scope["path"] == "/metrics" or scope["path"].startswith("/admin/"):
            await to_response(describe(NOT_FOUND, _OF_ONE_PROCESS))(scope, receive, send)
        else:
            answer = _Answer(send)
            await self.app(_with_asker(scope), receive, answer.send)
            if not answer.started:
                lost = to_response(describe(NOT_READY, _LOST), {"Retry-After": str(RETRY_SECONDS)})
                await lost(scope, receive, send)


class _Answer:
    """One answer on its way: the proxy's own plain words are replaced, all else passes."""

    def __init__(self, send: Send) -> None:
        self.started = False
        self._send = send
        self._problem = b""  # instead of the body

    async def send(self, message: Message) -> None:
        """Pass on a message of the answer."""
        if message["type"] == "http.response.start":
            self.started = True
            headers = MutableHeaders(scope=message)
            _keep_first(headers, "x-request-id")  # the proxy adds its own to the replica's
            refusal = _REFUSALS.get(message["status"])
            if refusal is not None and not _is_ours(headers):
                self._refuse(message, headers, *refusal)
        elif self._problem:
            message = {**message, "body": b"" if message.get("more_body") else self._problem}
        await self._send(message)

    def _refuse(self, message: Message, headers: MutableHeaders, kind: Kind, words: str) -> None:
        self._problem = to_json(describe(kind, words)).encode()
        message["status"] = kind.status
        headers["content-type"] = PROBLEM_MEDIA_TYPE
        headers["content-length"] = str(len(self._problem))
        headers.setdefault("retry-after", str(RETRY_SECONDS))


def _with_asker(scope: Scope) -> Scope:
    headers = Headers(scope=scope)
    if ASKER in headers or not (cookie := _cookie(headers)):
        return scope
    return {**scope, "headers": [*scope["headers"], (ASKER.encode(), cookie.encode())]}


def _cookie(headers: Headers) -> str:
    try:
        found = SimpleCookie(headers.get("cookie", "")).get(COOKIE)
    except CookieError:
        return ""
    return found.value if found is not None and found.value.isascii() else ""


def _is_ours(headers: Headers) -> bool:
    """Whether the service itself wrote this: it answers in JSON of some kind."""
    return "json" in headers.get("content-type", "")


def _keep_first(headers: MutableHeaders, name: str) -> None:
    values = headers.getlist(name)
    if len(values) > 1:
        headers[name] = values[0]
