"""Stop working for a client that has left."""

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

from fastapi import Request
from starlette.requests import ClientDisconnect

T = TypeVar("T")


async def unless_disconnected(request: Request, work: Coroutine[Any, Any, T]) -> T:
    """The result of `work`, which is cancelled when the client leaves before its end.

    A server does not cancel a plain JSON endpoint by itself. The body must have been read,
    and nothing else may be receiving from this request meanwhile.

    Raises:
        ClientDisconnect: when the client left; `work` has then ended.
    """
    working = asyncio.current_task()
    assert working is not None, "awaited on an event loop"
    has_left = False

    async def watch() -> None:
        nonlocal has_left
        await _until_disconnected(request)
        has_left = True
        working.cancel()

    watching = asyncio.create_task(watch())
    try:
        return await work
    except asyncio.CancelledError:
        if has_left and not working.uncancel():
            raise ClientDisconnect from None
        raise
    finally:
        watching.cancel()


async def _until_disconnected(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass
