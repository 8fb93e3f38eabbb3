"""POST /write: a novel goes on, whole as JSON or piece by piece as Server-Sent Events."""

import logging
from collections.abc import AsyncIterator
from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response
from fastapi.sse import format_sse_event

from api.desk import Writing
from api.event_stream import STREAM_RESPONSE, stream_or_whole
from api.handlers import as_problem
from api.problems import INTERNAL, to_json
from api.schemas import Delta
from api.state import Service
from api.writing import WriteAnswer, WriteRequest

logger = logging.getLogger(__name__)
router = APIRouter(tags=["续写"])

_POST = "curl {base}/write -H 'Content-Type: application/json' -d "
_EXAMPLES = [
    _POST + """'{"prompt": "江上起了雾，"}'""",
    _POST.replace("curl", "curl -N") + """'{"max_new_chars": 200, "stream": true, "seed": 7}'""",
]


async def admitted(body: WriteRequest, service: Service) -> AsyncIterator[Writing]:
    """The writing that this request starts; its errors still have a status of their own."""
    async with service.desk.admit(body) as writing:
        yield writing


@router.post(
    "/write",
    summary="接着写小说",
    response_model=WriteAnswer,
    response_description="续写的文字；`stream` 为 true 时是事件流",
    responses=STREAM_RESPONSE,
    openapi_extra={"x-examples": _EXAMPLES},
)
async def write(
    writing: Annotated[Writing, Depends(admitted)], request: Request, response: Response
) -> WriteAnswer | Response:
    """给一个开头，字符 GPT 一个字一个字接着写；再把写好的连同开头一起发来，就能一直写下去。

    `stream` 为 true 时返回事件流：若干个 `delta`（`{"text"}`），最后一个 `done`（整个结果）
    或 `error`（一个 problem）。客户端断开，就停笔。
    """
    frames = _events(writing) if writing.request.stream else None
    return await stream_or_whole(request, response, frames, writing.finish)


async def _events(writing: Writing) -> AsyncIterator[bytes]:
    try:
        async for piece in writing.pieces():
            yield format_sse_event(event="delta", data_str=Delta(text=piece).model_dump_json())
    except Exception as error:
        problem = as_problem(error).problem
        if problem.status == INTERNAL.status:
            logger.exception("a streamed text broke off")
        yield format_sse_event(event="error", data_str=to_json(problem))
    else:
        yield format_sse_event(event="done", data_str=writing.answer.model_dump_json())
