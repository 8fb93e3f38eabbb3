"""POST /chat: one reply, whole as JSON or piece by piece as Server-Sent Events."""

import logging
from collections.abc import AsyncIterator
from contextlib import nullcontext
from functools import partial
from typing import Annotated

from fastapi import APIRouter, Depends, Header, Request, Response

from api.admission import Owner, working_bot
from api.disconnect import unless_disconnected
from api.event_stream import (
    STREAM_RESPONSE,
    event_stream,
    reply_frames,
    reply_header,
    stream_or_whole,
)
from api.generations import new_reply_id
from api.live_reply import Event, Events, LiveReply
from api.metrics import Stopwatch
from api.problems import ProblemError, invalid_field
from api.schemas import ChatAnswer, ChatRequest, Delta, Started
from api.settings import Settings
from api.state import Service, ServiceState
from api.turn import admit
from api.wording import in_words

logger = logging.getLogger(__name__)
router = APIRouter(tags=["对话"])

_POST = "curl {base}/chat -H 'Content-Type: application/json' -d "
_EXAMPLES = [
    _POST + """'{"message": "今天有点累"}'""",
    _POST + """'{"message": "我刚才说什么了", "session_id": "上一个回复里的 session_id"}'""",
    _POST.replace("curl", "curl -N") + """'{"message": "讲个冷笑话", "stream": true, "seed": 7}'""",
]
_MAX_EVENT_ID = 2**31


async def admitted(
    chat: ChatRequest, request: Request, service: Service, owner: Owner
) -> AsyncIterator[tuple[ChatRequest, LiveReply]]:
    """The reply that this request starts; its errors still have a status of their own."""
    _check_settings(chat, service.settings)
    reply_id = new_reply_id()
    reply = service.generations.start(
        reply_id,
        _events(chat, reply_id, service, owner),
        owner=owner,
        seconds=chat.deadline_seconds,
        grace=service.settings.resume_seconds if chat.stream and chat.resumable else 0,
    )
    with reply.followed():
        await unless_disconnected(request, reply.begun())
        yield chat, reply


async def followed(reply_id: str, service: Service, owner: Owner) -> AsyncIterator[LiveReply]:
    """A reply that was begun by another request, and goes on while this one waits for it."""
    reply = service.generations.get(reply_id, owner)
    with reply.followed():
        yield reply


@router.post(
    "/chat",
    summary="说一句话，得到回复",
    response_model=ChatAnswer,
    response_description="整个回复；`stream` 为 true 时是事件流",
    responses=STREAM_RESPONSE,
    openapi_extra={"x-examples": _EXAMPLES},
)
async def chat(
    begun: Annotated[tuple[ChatRequest, LiveReply], Depends(admitted)],
    request: Request,
    response: Response,
) -> ChatAnswer | Response:
    """不给 `session_id` 就新开会话，回复里有它的 `session_id`，下次带上就能接着聊。

    `stream` 为 true 时返回事件流：先是 `start`（`{"reply_id"}`），再是若干个 `delta`（`{"text"}`），
    最后一个 `done`（整个回复）或 `error`（一个 problem）。客户端断开，生成就停止，这一轮不保存；
    `resumable` 为 true 时再等一小会儿，可以续收。响应头 `X-Reply-ID` 就是 `reply_id`。
    """
    body, reply = begun
    return await stream_or_whole(
        request,
        response,
        reply_frames(reply) if body.stream else None,
        partial(reply.answer, ChatAnswer),
        reply_header(reply),
    )


@router.get(
    "/chat/{reply_id}",
    summary="续收断开的事件流",
    response_class=Response,
    response_description="事件流，从断开的地方接着",
    responses=STREAM_RESPONSE,
    openapi_extra={"x-examples": ["curl -N {base}/chat/{reply_id} -H 'Last-Event-ID: 3'"]},
)
async def follow(
    reply: Annotated[LiveReply, Depends(followed)],
    last_event_id: Annotated[int | None, Header(ge=0, le=_MAX_EVENT_ID)] = None,
) -> Response:
    """`Last-Event-ID` 是收到的最后一个事件的 `id`；不给就从头收。只有请求时 `resumable` 为 true 的
    事件流，断开后才会接着生成，说完后也再留一小会儿。
    """
    after = -1 if last_event_id is None else last_event_id
    return event_stream(reply_frames(reply, after), reply_header(reply))


@router.post(
    "/chat/{reply_id}/stop",
    status_code=204,
    summary="叫停一个回复",
    response_class=Response,
    response_description="已经叫停，或者早已说完",
    openapi_extra={"x-examples": ["curl -X POST {base}/chat/{reply_id}/stop"]},
)
async def stop(reply_id: str, service: Service, owner: Owner) -> None:
    """生成立刻停止，这一轮不保存；等着它的请求得到 409，事件流以 `error` 结束。"""
    service.generations.get(reply_id, owner).cancel("stopped")


async def _events(
    chat: ChatRequest, reply_id: str, service: ServiceState, owner: str | None
) -> Events:
    watch = Stopwatch(service.metrics)
    with (
        working_bot(service) as bot,
        service.spans.reply(bot.name, chat.sampling, streams=chat.stream) as span,
    ):
        async with admit(chat, bot, service.store, owner) as turn:
            span.began(chat.message, turn.generation)
            yield Event("start", Started(reply_id=reply_id))
            if chat.stream:
                async for piece in turn.generation:
                    watch.piece()
                    yield Event("delta", Delta(text=piece))
            await turn.generation.wait()
            watch.piece()
            with span.storing() if chat.history is None else nullcontext():
                answer = await turn.finish(service.store)
            span.whole(bot.name, [turn.generation.reply])
            watch.end(answer.finish_reason)
            if service.settings.log_messages:
                logger.info("turn", extra={"said": chat.message, "reply": answer.reply})
            yield Event("done", answer)


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
