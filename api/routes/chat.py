"""POST /chat: one reply, whole as JSON or piece by piece as Server-Sent Events."""

import logging
from collections.abc import AsyncIterator
from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response
from fastapi.sse import EventSourceResponse, format_sse_event

from api.disconnect import unless_disconnected
from api.handlers import as_problem
from api.problems import INTERNAL, ProblemError, invalid_field, to_json
from api.schemas import ChatAnswer, ChatRequest, Delta
from api.sessions import SessionStore
from api.settings import Settings
from api.state import Service
from api.turn import Turn, admit
from api.wording import in_words

logger = logging.getLogger(__name__)
router = APIRouter(tags=["对话"])

_POST = "curl {base}/chat -H 'Content-Type: application/json' -d "
_EXAMPLES = [
    _POST + """'{"message": "今天有点累"}'""",
    _POST + """'{"message": "我刚才说什么了", "session_id": "上一个回复里的 session_id"}'""",
    _POST.replace("curl", "curl -N") + """'{"message": "讲个冷笑话", "stream": true, "seed": 7}'""",
]
_STREAM_HEADERS = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}


async def admitted(chat: ChatRequest, request: Request, service: Service) -> AsyncIterator[Turn]:
    """The turn that this request starts; its errors still have a status of their own."""
    _check_settings(chat, service.settings)
    bot = service.keeper.get()
    async with admit(chat, bot, service.store, request.is_disconnected) as turn:
        yield turn


@router.post(
    "/chat",
    summary="说一句话，得到回复",
    response_model=ChatAnswer,
    response_description="整个回复；`stream` 为 true 时是事件流",
    responses={200: {"content": {"text/event-stream": {"schema": {"type": "string"}}}}},
    openapi_extra={"x-examples": _EXAMPLES},
)
async def chat(
    turn: Annotated[Turn, Depends(admitted)], request: Request, service: Service
) -> ChatAnswer | Response:
    """不给 `session_id` 就新开会话，回复里有它的 `session_id`，下次带上就能接着聊。

    `stream` 为 true 时返回事件流：若干个 `delta`（`{"text"}`），最后一个 `done`（整个回复）
    或 `error`（一个 problem）。客户端断开，生成就停止，这一轮不保存。
    """
    if turn.chat.stream:
        return EventSourceResponse(_events(turn, service.store), headers=_STREAM_HEADERS)
    return await unless_disconnected(request, turn.finish(service.store))


async def _events(turn: Turn, store: SessionStore) -> AsyncIterator[bytes]:
    try:
        async for piece in turn.generation:
            yield format_sse_event(event="delta", data_str=Delta(text=piece).model_dump_json())
        answer = await turn.finish(store)
    except Exception as error:
        problem = as_problem(error).problem
        if problem.status == INTERNAL.status:
            logger.exception("a streamed reply broke off")
        yield format_sse_event(event="error", data_str=to_json(problem))
    else:
        yield format_sse_event(event="done", data_str=answer.model_dump_json())


def _check_settings(chat: ChatRequest, settings: Settings) -> None:
    """Apply the operator's limits, which may be tighter than the schema's.

    Raises:
        ProblemError: 422 naming the field and the limit.
    """
    messages = {"message": chat.message}
    messages |= {f"history/{place}": text for place, text in enumerate(chat.history or [])}
    for field, text in messages.items():
        if len(text) > settings.max_message_chars:
            raise _over_limit(field, "string_too_long", settings.max_message_chars)
    if chat.history and len(chat.history) > settings.max_history_utterances:
        raise _over_limit("history", "too_long", settings.max_history_utterances)


def _over_limit(field: str, code: str, limit: int) -> ProblemError:
    return invalid_field(field, code, in_words(code, {"max_length": limit}))
