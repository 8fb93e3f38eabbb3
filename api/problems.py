"""Errors as clients see them: RFC 9457 problem details, in Chinese.

Every kind of problem has one row in `KINDS`; `/docs` prints the same rows.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from fastapi import Response
from pydantic import BaseModel, Field

PROBLEM_MEDIA_TYPE = "application/problem+json"


@dataclass(frozen=True)
class Kind:
    """One kind of problem: its slug in the `type` address, its status and its title."""

    slug: str
    status: int
    title: str


BAD_REQUEST = Kind("bad-request", 400, "请求无法处理")
BROKEN_JSON = Kind("broken-json", 400, "请求体不是有效的 JSON")
NOT_UTF8 = Kind("not-utf-8", 400, "请求体不是 UTF-8 编码")
WRONG_KEY = Kind("wrong-key", 401, "密钥不对")
NO_ADMIN = Kind("no-admin", 403, "不能管理这个服务")
NO_SESSION = Kind("no-session", 404, "会话不存在")
NO_TURN = Kind("no-turn", 404, "没有这一轮")
NO_MODEL = Kind("model-not-found", 404, "没有这个模型")
NO_REPLY = Kind("no-reply", 404, "没有这个回复")
NOT_FOUND = Kind("not-found", 404, "地址不存在")
WRONG_METHOD = Kind("wrong-method", 405, "请求方法不对")
BODY_TOO_SLOW = Kind("body-too-slow", 408, "请求体来得太慢")
SESSION_CONFLICT = Kind("session-conflict", 409, "会话在别处继续了")
STOPPED = Kind("stopped", 409, "回复已经停下")
RELOAD_FAILED = Kind("reload-failed", 409, "模型没能换上")
BODY_TOO_LARGE = Kind("body-too-large", 413, "请求体太大")
NOT_JSON = Kind("not-json", 415, "请求体的类型不对")
INVALID = Kind("invalid", 422, "请求内容有误")
MESSAGE_TOO_LONG = Kind("message-too-long", 422, "消息太长")
QUEUE_FULL = Kind("queue-full", 429, "排队的人太多")
QUOTA_USED = Kind("quota-used", 429, "今天的次数用完了")
RATE_LIMITED = Kind("rate-limited", 429, "请求太频繁")
HEADERS_TOO_LARGE = Kind("headers-too-large", 431, "请求头太大")
INTERNAL = Kind("internal", 500, "服务内部出错")
GENERATION_FAILED = Kind("generation-failed", 500, "回复没能生成")
HANGING = Kind("hanging", 503, "模型没有动静")
NOT_READY = Kind("not-ready", 503, "模型还没准备好")
STOPPING = Kind("stopping", 503, "服务正在停止")
STORE_UNAVAILABLE = Kind("store-unavailable", 503, "会话暂时存取不了")
DEADLINE = Kind("deadline", 504, "没能按时答完")

KINDS = (
    BAD_REQUEST,
    BROKEN_JSON,
    NOT_UTF8,
    WRONG_KEY,
    NO_ADMIN,
    NO_SESSION,
    NO_TURN,
    NO_MODEL,
    NO_REPLY,
    NOT_FOUND,
    WRONG_METHOD,
    BODY_TOO_SLOW,
    SESSION_CONFLICT,
    STOPPED,
    RELOAD_FAILED,
    BODY_TOO_LARGE,
    NOT_JSON,
    INVALID,
    MESSAGE_TOO_LONG,
    QUEUE_FULL,
    QUOTA_USED,
    RATE_LIMITED,
    HEADERS_TOO_LARGE,
    INTERNAL,
    GENERATION_FAILED,
    HANGING,
    NOT_READY,
    STOPPING,
    STORE_UNAVAILABLE,
    DEADLINE,
)


class FieldError(BaseModel):
    """One field that is wrong."""

    pointer: str = Field(description="出错的位置，写成 JSON 指针", examples=["#/temperature"])
    code: str = Field(description="机器可读的原因", examples=["less_than_equal"])
    detail: str = Field(description="哪里不对，允许什么", examples=["太大，最大是 2"])


class Problem(BaseModel):
    """An RFC 9457 problem. `type` is an address whose page explains the kind."""

    type: str = Field(description="这类错误的说明所在", examples=["/docs#problem-invalid"])
    title: str = Field(description="这类错误的名称", examples=["请求内容有误"])
    status: int = Field(description="HTTP 状态码", examples=[422])
    detail: str = Field(description="这一次错在哪里", examples=["temperature 太大，最大是 2"])
    errors: list[FieldError] | None = Field(None, description="逐个字段的错误，只在字段有误时给出")


class ProblemError(Exception):
    """Raise it anywhere below a route: the client gets the problem."""

    def __init__(
        self,
        kind: Kind,
        detail: str,
        errors: Sequence[FieldError] = (),
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(detail)
        self.problem = describe(kind, detail, errors)
        self.headers = dict(headers or {})


def describe(kind: Kind, detail: str, errors: Sequence[FieldError] = ()) -> Problem:
    """Fill in a problem of this kind."""
    return Problem(
        type=f"/docs#problem-{kind.slug}" if kind.slug else "about:blank",
        title=kind.title,
        status=kind.status,
        detail=detail,
        errors=list(errors) or None,
    )


def invalid_field(field: str, code: str, words: str) -> ProblemError:
    """A 422 about one field; `words` are the predicate after its name."""
    error = FieldError(pointer=f"#/{field}", code=code, detail=words)
    return ProblemError(INVALID, f"{field} {words}。", [error])


def to_json(problem: Problem) -> str:
    """The problem's JSON, Chinese unescaped, without empty members."""
    return problem.model_dump_json(exclude_none=True)


def to_response(problem: Problem, headers: Mapping[str, str] | None = None) -> Response:
    """The problem as an HTTP response with its own status."""
    return Response(
        to_json(problem),
        status_code=problem.status,
        headers=dict(headers or {}),
        media_type=PROBLEM_MEDIA_TYPE,
    )
