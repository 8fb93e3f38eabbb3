"""Problems under /v1, told in the shape that OpenAI's clients expect."""

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.openai.answers import ErrorAnswer, ErrorBody
from api.problems import INVALID, PROBLEM_MEDIA_TYPE, Problem

PREFIX = "/v1/"
_TYPES = {401: "authentication_error", 403: "permission_error", 429: "rate_limit_error"}
_PARAMS = {"message": "messages", "max_new_tokens": "max_tokens"}  # ours: theirs


def as_openai_error(problem: Problem) -> ErrorAnswer:
    """The same error in OpenAI's words; `code` is the problem's own name."""
    kind = "server_error" if problem.status >= 500 else "invalid_request_error"
    param = None
    if problem.errors:
        pointer = problem.errors[0].pointer.removeprefix("#/").replace("/", ".")
        param = _PARAMS.get(pointer, pointer) or None
    return ErrorAnswer(
        error=ErrorBody(
            message=problem.detail,
            type=_TYPES.get(problem.status, kind),
            param=param,
            code=problem.type.rpartition("#problem-")[2].replace("-", "_") or None,
        )
    )


class OpenAIErrors:
    """ASGI middleware: rewrites each problem under /v1; 422 becomes the 400 that OpenAI uses."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one ASGI connection."""
        if scope["type"] != "http" or not scope["path"].startswith(PREFIX):
            await self.app(scope, receive, send)
            return
        start: Message | None = None
        body = b""

        async def rewriting(message: Message) -> None:
            nonlocal start, body
            if message["type"] == "http.response.start" and _is_problem(message):
                start = message
            elif start is None:
                await send(message)
            else:
                body += message.get("body", b"")
                if not message.get("more_body", False):
                    await _send_rewritten(start, body, send)

        await self.app(scope, receive, rewriting)


def _is_problem(start: Message) -> bool:
    headers = MutableHeaders(scope=start)
    return headers.get("content-type", "").startswith(PROBLEM_MEDIA_TYPE)


async def _send_rewritten(start: Message, body: bytes, send: Send) -> None:
    answer = as_openai_error(Problem.model_validate_json(body)).model_dump_json().encode()
    headers = MutableHeaders(scope=start)
    headers["content-type"] = "application/json"
    headers["content-length"] = str(len(answer))
    if start["status"] == INVALID.status:
        start["status"] = 400
    await send(start)
    await send({"type": "http.response.body", "body": answer})
