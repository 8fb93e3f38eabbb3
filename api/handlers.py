"""From exceptions to problems: the one place that knows which error means which status."""

import logging
from collections.abc import Sequence
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api import problems
from api.logs import without_ids
from api.problems import (
    FieldError,
    Kind,
    ProblemError,
    describe,
    invalid_field,
    to_response,
)
from api.store.errors import (
    SessionConflict,
    SessionNotFound,
    StoreError,
    StoreUnavailable,
    TurnNotFound,
)
from api.wording import in_words
from chatbot.decoding.params import RANGES
from chatbot.errors import (
    EngineStopped,
    GenerationFailed,
    InvalidMessage,
    InvalidParams,
    MessageTooLong,
    QueueFull,
)

logger = logging.getLogger(__name__)

_MAX_FIELDS_IN_DETAIL = 3
_MAX_NAME_CHARS = 64  # a field that does not exist is named by the client
_CLIENT_LEFT = Kind("", 499, "客户端已离开")  # as nginx logs it; nobody sees it
_HTTP_WORDS = {
    404: (problems.NOT_FOUND, "没有 {path} 这个地址，所有地址见 /docs。"),
    405: (problems.WRONG_METHOD, "{path} 不支持 {method}，用法见 /docs。"),
}


def install_handlers(app: FastAPI) -> None:
    """Answer every expected exception with its problem."""
    for kind in (
        ProblemError,
        StoreError,
        InvalidMessage,
        InvalidParams,
        QueueFull,
        EngineStopped,
        GenerationFailed,
    ):
        app.add_exception_handler(kind, _answer)
    app.add_exception_handler(RequestValidationError, _answer_invalid_request)
    app.add_exception_handler(HTTPException, _answer_http_exception)
    app.add_exception_handler(ClientDisconnect, _answer_nobody)


def as_problem(error: Exception) -> ProblemError:
    """The problem that an exception from below means; 500, without internals, if unforeseen."""
    match error:
        case ProblemError():
            return error
        case SessionNotFound():
            return ProblemError(problems.NO_SESSION, "没有这个会话，它可能已被删除；请开始新对话。")
        case TurnNotFound():
            return ProblemError(problems.NO_TURN, "这个会话没有这一轮；请检查 turn，从 1 数起。")
        case SessionConflict():
            words = "这个会话刚在别处说了一句，这一轮没有保存；请读一遍会话再说。"
            return ProblemError(problems.SESSION_CONFLICT, words)
        case StoreUnavailable():
            words = "会话暂时存取不了，这一次什么也没有保存；请稍后再试。"
            return ProblemError(problems.STORE_UNAVAILABLE, words, headers={"Retry-After": "5"})
        case MessageTooLong():
            where = FieldError(pointer="#/message", code="too_long", detail=str(error))
            return ProblemError(problems.MESSAGE_TOO_LONG, f"{error}。", [where])
        case InvalidMessage():
            return invalid_field("message", "unreadable", str(error))
        case InvalidParams():
            return invalid_field(error.field, "out_of_range", f"取值不对，允许：{error.allowed}")
        case QueueFull():
            return ProblemError(problems.QUEUE_FULL, f"{error}。", headers={"Retry-After": "1"})
        case EngineStopped():
            return ProblemError(problems.STOPPING, "服务正在停止或重启，请稍后再试。")
        case GenerationFailed():
            return ProblemError(problems.GENERATION_FAILED, "生成回复时出了错，请再试一次。")
        case _:
            return ProblemError(problems.INTERNAL, "服务出了意外的错，请稍后再试。")


class LastResort:
    """ASGI middleware: an unforeseen exception is logged once and answered with a bare 500."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one ASGI connection."""
        started = False

        async def watched_send(message: Message) -> None:
            nonlocal started
            started = started or message["type"] == "http.response.start"
            await send(message)

        try:
            await self.app(scope, receive, watched_send)
        except Exception as error:
            if scope["type"] != "http" or started:
                raise
            logger.exception("%s %s", scope["method"], without_ids(scope["path"]))
            await to_response(as_problem(error).problem)(scope, receive, send)


def _answer(request: Request, error: Exception) -> Response:
    problem_error = as_problem(error)
    request.app.state.service.metrics.note_rejected(problem_error.problem.type)
    if problem_error.problem.status == problems.INTERNAL.status:
        logger.error("%s", error, exc_info=error)
    return to_response(problem_error.problem, problem_error.headers)


def _answer_nobody(_request: Request, _error: Exception) -> Response:
    return to_response(describe(_CLIENT_LEFT, "连接已断开。"))


def _answer_http_exception(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    path, method = _printable(request.url.path), request.method
    if isinstance(error.__cause__, ProblemError):
        return _answer(request, error.__cause__)
    if isinstance(error.__cause__, UnicodeDecodeError):
        problem = describe(problems.NOT_UTF8, "请求体应是 UTF-8 编码的 JSON，请检查编码后再发。")
    elif error.status_code in _HTTP_WORDS:
        kind, words = _HTTP_WORDS[error.status_code]
        problem = describe(kind, words.format(path=path, method=method))
    elif error.status_code == 400:
        problem = describe(problems.BROKEN_JSON, "请求体读不懂，请检查它是不是正常的 JSON。")
    else:
        kind = Kind("", error.status_code, "请求没能完成")
        problem = describe(kind, f"{method} {path} 没能完成。")
    return to_response(problem, dict(error.headers or {}) | _allowed_methods(request, error))


def _allowed_methods(request: Request, error: HTTPException) -> dict[str, str]:
    """The `Allow` of a path: a 405 knows the methods of one of its routes only."""
    path = getattr(request.scope.get("route"), "path", None)
    methods = request.app.openapi()["paths"].get(path, {})
    if error.status_code != 405 or not methods:
        return {}
    allowed = {method.upper() for method in methods}
    return {"Allow": ", ".join(sorted(allowed | ({"HEAD"} if "GET" in allowed else set())))}


def _answer_invalid_request(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    found = error.errors()
    if found[0]["type"] == "json_invalid":
        return to_response(_broken_json(error.body, found[0]["loc"][-1]))
    unread = found[0]["loc"] == ("body",) and found[0]["type"] != "missing"
    if unread and not _says_json(request):
        words = "请求体应是 JSON，请加上请求头 Content-Type: application/json。"
        return to_response(describe(problems.NOT_JSON, words))
    return to_response(_invalid_fields(found, _field_names(request)))


def _broken_json(body: Any, position: Any) -> problems.Problem:
    before = str(body)[: int(position)]
    line, column = before.count("\n") + 1, len(before) - before.rfind("\n")
    return describe(
        problems.BROKEN_JSON,
        f"第 {line} 行第 {column} 个字符处不合 JSON 语法，请检查引号、逗号和括号。",
    )


def _says_json(request: Request) -> bool:
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    return media_type == "application/json" or media_type.endswith("+json")


def _field_names(request: Request) -> list[str]:
    """The fields that the body of this request may have."""
    body = getattr(request.scope.get("route"), "body_field", None)
    return list(body.field_info.annotation.model_fields) if body is not None else []


def _invalid_fields(found: Sequence[Any], allowed: Sequence[str]) -> problems.Problem:
    errors, sentences = [], []
    for item in found:
        path = [_printable(str(part)) for part in item["loc"][1:]]
        words = _words(path, item, allowed)
        pointer = "#" + "".join(f"/{_escape(part)}" for part in path)
        errors.append(FieldError(pointer=pointer, code=item["type"], detail=words))
        sentences.append(f"{'.'.join(path)} {words}" if path else f"请求体{words}")
    detail = "；".join(sentences[:_MAX_FIELDS_IN_DETAIL])
    if len(sentences) > _MAX_FIELDS_IN_DETAIL:
        detail += f"；等共 {len(sentences)} 处"
    return describe(problems.INVALID, f"{detail}。", errors)


def _words(path: Sequence[str], item: Any, allowed: Sequence[str]) -> str:
    if item["type"] == "extra_forbidden":
        return f"不是可用的字段，可用的有 {'、'.join(allowed)}"
    if path and path[0] in RANGES:
        return f"取值不对，允许：{RANGES[path[0]]}"
    return in_words(item["type"], item.get("ctx", {}))


def _printable(name: str) -> str:
    return name[:_MAX_NAME_CHARS].encode("utf-8", "replace").decode()


def _escape(part: str) -> str:
    return part.replace("~", "~0").replace("/", "~1")
