import asyncio
import json
from collections.abc import Iterable

import pytest
from starlette.types import Message, Receive, Scope, Send

from api.body_limit import BodyLimit
from api.problems import ProblemError


async def read_everything(_scope: Scope, receive: Receive, send: Send) -> None:
    body = b""
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            break
        body += message["body"]
        if not message.get("more_body"):
            break
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": body})


def call(chunks: Iterable[bytes], declared: bytes | None) -> list[Message]:
    pending = list(chunks)
    sent: list[Message] = []

    async def receive() -> Message:
        if not pending:
            return {"type": "http.disconnect"}
        return {"type": "http.request", "body": pending.pop(0), "more_body": bool(pending)}

    async def send(message: Message) -> None:
        sent.append(message)

    headers = [(b"content-length", declared)] if declared is not None else []
    scope = {"type": "http", "method": "POST", "path": "/", "headers": headers}
    asyncio.run(BodyLimit(read_everything, max_bytes=10)(scope, receive, send))
    return sent


@pytest.mark.parametrize("declared", [b"10", None])
def test_a_body_up_to_the_limit_passes_untouched(declared: bytes | None) -> None:
    sent = call([b"12345", b"67890"], declared)
    assert sent[0]["status"] == 200
    assert sent[1]["body"] == b"1234567890"


def test_a_declared_body_over_the_limit_is_refused_unread() -> None:
    sent = call([], b"11")
    assert sent[0]["status"] == 413
    problem = json.loads(sent[1]["body"])
    assert problem["status"] == 413
    assert "10 字节" in problem["detail"]


@pytest.mark.parametrize("declared", [None, b"5", b"abc", b"-3"])
def test_a_body_is_counted_whatever_was_declared(declared: bytes | None) -> None:
    with pytest.raises(ProblemError) as error:
        call([b"123456", b"78901"], declared)
    assert error.value.problem.status == 413


def test_a_body_that_does_not_come_is_waited_for_so_long_only() -> None:
    async def receive() -> Message:
        await asyncio.Event().wait()
        raise AssertionError

    async def send(_: Message) -> None:
        raise AssertionError

    scope = {"type": "http", "method": "POST", "path": "/", "headers": []}
    limited = BodyLimit(read_everything, max_bytes=10, max_seconds=0.01)
    with pytest.raises(ProblemError) as error:
        asyncio.run(limited(scope, receive, send))
    assert error.value.problem.status == 408


def test_who_sent_all_may_wait_as_long_as_it_takes() -> None:
    messages = [{"type": "http.request", "body": b"1", "more_body": False}]

    async def app(_scope: Scope, receive: Receive, _send: Send) -> None:
        await receive()
        assert await receive() == {"type": "http.disconnect"}

    async def receive() -> Message:
        if messages:
            return messages.pop()
        await asyncio.sleep(0.05)  # longer than a body may take
        return {"type": "http.disconnect"}

    scope = {"type": "http", "method": "POST", "path": "/", "headers": []}
    asyncio.run(BodyLimit(app, max_bytes=10, max_seconds=0.02)(scope, receive, receive))


def test_a_disconnect_is_passed_on() -> None:
    assert call([], None)[1]["body"] == b""
