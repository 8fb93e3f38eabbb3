"""POST /v1/chat/completions and GET /v1/models: the same bot for OpenAI's clients."""

import time
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from functools import partial
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request, Response
from fastapi.sse import KEEPALIVE_COMMENT

from api.admission import Owner
from api.disconnect import unless_disconnected
from api.event_stream import STREAM_RESPONSE, note_failure, reply_header, stream_or_whole
from api.generations import new_reply_id
from api.handlers import as_problem
from api.live_reply import LiveReply
from api.openai.answers import Chunk, Completion, ErrorAnswer, Model, Models
from api.openai.completion import completion_events, require_model
from api.openai.errors import as_openai_error
from api.openai.request import CompletionRequest
from api.state import Service
from chatbot.bot import Bot

_ERRORS: dict[int | str, dict[str, Any]] = {
    "default": {"model": ErrorAnswer, "description": "出错"}
}
router = APIRouter(prefix="/v1", tags=["OpenAI 兼容"], responses=_ERRORS)

_STARTED_AT = int(time.time())
_EXAMPLES = [
    "curl {base}/v1/chat/completions -H 'Content-Type: application/json' -d "
    """'{"model": "xiaoxian", "messages": [{"role": "user", "content": "今天有点累"}]}'"""
]


async def admitted(
    body: CompletionRequest, request: Request, service: Service, owner: Owner
) -> AsyncIterator[tuple[CompletionRequest, LiveReply]]:
    """The replies that this request starts; its errors still have a status of their own."""
    reply_id = new_reply_id()
    events = completion_events(body, reply_id, service, owner)
    reply = service.generations.start(reply_id, events, owner=owner)
    with reply.followed():
        await unless_disconnected(request, reply.begun())
        yield body, reply


@router.post(
    "/chat/completions",
    summary="OpenAI 格式的对话",
    response_model=Completion,
    response_description="整个回答；`stream` 为 true 时是事件流，以 `data: [DONE]` 结束",
    responses=STREAM_RESPONSE,
    openapi_extra={"x-examples": _EXAMPLES},
)
async def chat_completions(
    begun: Annotated[tuple[CompletionRequest, LiveReply], Depends(admitted)],
    request: Request,
    response: Response,
) -> Completion | Response:
    """给 OpenAI 的客户端用：把 `base_url` 指到这里的 `/v1` 就行。什么都不保存。

    模型只学过两个人的对话，`system` 和 `developer` 消息收下但不起作用。不认识的字段忽略；
    会改变回复而做不到的字段（如 `tools`）拒绝。错误是 OpenAI 的格式。

    `logprobs` 是模型自己的看法：温度 1，在 `top_k`、`top_p`、重复惩罚之前；回复是从几句里挑的，
    或是现成的，也照样读一遍算出来。要等整句说完才算得出，所以流式时这个回复的文字一次给出，
    和 `logprobs` 在同一个事件里。只算整个出现在回复里的 token：被 `stop` 切掉的没有；原回复不合适、
    换了一句的（`content_filter`），`logprobs` 是 null。
    """
    body, reply = begun
    with_usage = body.stream_options is not None and bool(body.stream_options.include_usage)
    return await stream_or_whole(
        request,
        response,
        _frames(reply, with_usage=with_usage) if body.stream else None,
        partial(reply.answer, Completion),
        reply_header(reply),
    )


@router.get("/models", summary="有哪些模型", response_description="一个：正在回答的那个")
async def models(service: Service) -> Models:
    """名字就是请求里 `model` 要写的。"""
    return Models(data=[_model(service.keeper.get())])


@router.get("/models/{model}", summary="看一个模型", response_description="这个模型")
async def model(model: str, service: Service) -> Model:
    """名字不对时返回 404。"""
    bot = service.keeper.get()
    require_model(model, bot)
    return _model(bot)


def _model(bot: Bot) -> Model:
    return Model(id=bot.name, created=_STARTED_AT)


async def _frames(reply: LiveReply, *, with_usage: bool) -> AsyncGenerator[bytes, None]:
    async with aclosing(reply.events(after=0)) as events:
        async for item in events:
            if item is None:
                yield KEEPALIVE_COMMENT
                continue
            _, event = item
            if isinstance(event.data, Chunk):
                yield _frame(event.data.model_dump_json(exclude={"usage"}))
            elif isinstance(event.data, Completion):
                if with_usage:
                    whole = event.data
                    last = Chunk(
                        id=whole.id,
                        created=whole.created,
                        model=whole.model,
                        choices=[],
                        usage=whole.usage,
                    )
                    yield _frame(last.model_dump_json())
                yield _frame("[DONE]")
            elif reply.failure is not None:
                note_failure(reply)
                problem = as_problem(reply.failure).problem
                yield _frame(as_openai_error(problem).model_dump_json())


def _frame(data: str) -> bytes:
    return f"data: {data}\n\n".encode()
