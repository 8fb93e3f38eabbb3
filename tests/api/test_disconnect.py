import asyncio
from collections.abc import Callable

import pytest
from fastapi import Request
from starlette.requests import ClientDisconnect
from starlette.types import Message

from api.disconnect import unless_disconnected


def request_that(receive: Callable[[], Message]) -> Request:
    async def awaited() -> Message:
        await asyncio.sleep(0.01)
        return receive()

    return Request({"type": "http", "method": "POST", "headers": []}, awaited)


def staying() -> Message:
    return {"type": "http.request", "body": b"", "more_body": False}


def leaving() -> Message:
    return {"type": "http.disconnect"}


def test_the_result_comes_through_while_the_client_stays() -> None:
    async def work() -> str:
        await asyncio.sleep(0.05)
        return "好"

    assert asyncio.run(unless_disconnected(request_that(staying), work())) == "好"


def test_an_error_of_the_work_comes_through() -> None:
    async def work() -> str:
        raise KeyError("坏")

    with pytest.raises(KeyError):
        asyncio.run(unless_disconnected(request_that(staying), work()))


def test_work_is_cancelled_and_over_when_the_client_leaves() -> None:
    ended: list[str] = []

    async def work() -> None:
        try:
            await asyncio.sleep(60)
        finally:
            await asyncio.sleep(0.01)
            ended.append("work")

    with pytest.raises(ClientDisconnect):
        asyncio.run(unless_disconnected(request_that(leaving), work()))
    assert ended == ["work"]


def test_cancelling_the_caller_cancels_the_work() -> None:
    ended: list[str] = []

    async def work() -> None:
        try:
            await asyncio.sleep(60)
        finally:
            ended.append("work")

    async def cancelled_soon() -> None:
        async with asyncio.timeout(0.05):
            await unless_disconnected(request_that(staying), work())

    with pytest.raises(TimeoutError):
        asyncio.run(cancelled_soon())
    assert ended == ["work"]
