"""A live reply as Server-Sent Events."""

import logging
from collections.abc import AsyncGenerator, AsyncIterable, Callable, Coroutine, Mapping
from contextlib import aclosing
from types import MappingProxyType
from typing import Any, Final, TypeVar

from fastapi import Request, Response
from fastapi.sse import KEEPALIVE_COMMENT, EventSourceResponse, format_sse_event
from pydantic import BaseModel

from api.disconnect import unless_disconnected
from api.handlers import as_problem
from api.live_reply import LiveReply
from api.problems import INTERNAL, Problem

logger = logging.getLogger(__name__)

T = TypeVar("T")
NO_HEADERS: Final[Mapping[str, str]] = MappingProxyType({})

_EVENT = {
    "type": "object",
    "required": ["data"],
    "properties": {
        "event": {"type": "string"},
        "data": {"type": "string"},
        "id": {"type": "string"},
    },
}
# What a stream is in the OpenAPI description.
STREAM_RESPONSE: dict[int | str, dict[str, Any]] = {
    200: {"content": {"text/event-stream": {"itemSchema": _EVENT}}}
}
_STREAM_HEADERS = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}


def event_stream(
    frames: AsyncIterable[bytes], headers: Mapping[str, str] = NO_HEADERS
) -> EventSourceResponse:
    """Frames as a response that nobody on the way keeps."""
    return EventSourceResponse(frames, headers={**_STREAM_HEADERS, **headers})


async def stream_or_whole(
    request: Request,
    response: Response,
    frames: AsyncIterable[bytes] | None,
    whole: Callable[[], Coroutine[Any, Any, T]],
    headers: Mapping[str, str] = NO_HEADERS,
) -> T | Response:
    """The answer as it was asked for: in `frames`, or the `whole` unless the client leaves before.

    Raises:
        ClientDisconnect: it left.
    """
    if frames is not None:
        return event_stream(frames, headers)
    response.headers.update(headers)
    return await unless_disconnected(request, whole())


def reply_header(reply: LiveReply) -> dict[str, str]:
    """The header that names the reply, for whoever wants to stop it or take it up again."""
    return {"X-Reply-ID": reply.id}


def to_json(data: BaseModel) -> str:
    """Chinese unescaped; a problem without its empty members."""
    return data.model_dump_json(exclude_none=isinstance(data, Problem))


def note_failure(reply: LiveReply) -> None:
    """Log why a stream ends with an error, if nobody could foresee it."""
    assert reply.failure is not None, "the last event says so"
    if as_problem(reply.failure).problem.status == INTERNAL.status:
        logger.error("a streamed reply broke off", exc_info=reply.failure)


async def reply_frames(reply: LiveReply, after: int = -1) -> AsyncGenerator[bytes, None]:
    """All events behind number `after`, each with its number; a comment after a long silence."""
    async with aclosing(reply.events(after)) as events:
        async for item in events:
            if item is None:
                yield KEEPALIVE_COMMENT
            else:
                number, event = item
                if event.name == "error":
                    note_failure(reply)
                data = to_json(event.data)
                yield format_sse_event(event=event.name, id=str(number), data_str=data)
