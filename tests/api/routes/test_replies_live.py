"""Replies on a real port that are left, stopped, taken up again, or never read."""

import json
import socket
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest

from api.settings import Settings

Until = Callable[[Callable[[], bool]], None]


@pytest.fixture
def settings(settings: Settings) -> Settings:
    """With grace enough for any machine."""
    return settings.model_copy(update={"resume_seconds": 60})


def send(connection: socket.socket, **body: Any) -> None:
    content = json.dumps({"message": "你好", "max_new_tokens": 128, **body}).encode()
    head = (
        "POST /chat HTTP/1.1\r\nHost: test\r\nContent-Type: application/json\r\n"
        f"Content-Length: {len(content)}\r\n\r\n"
    )
    connection.sendall(head.encode() + content)


def read_until(connection: socket.socket, words: bytes) -> bytes:
    received = b""
    while words not in received:
        piece = connection.recv(4096)
        assert piece, received
        received += piece
    return received


def events(lines: Iterator[str]) -> Iterator[tuple[int, str, dict[str, Any]]]:
    name, data = "", {}
    for line in lines:
        if line.startswith("event: "):
            name = line.removeprefix("event: ")
        elif line.startswith("data: "):
            data = json.loads(line.removeprefix("data: "))
        elif line.startswith("id: "):
            yield int(line.removeprefix("id: ")), name, data


def live_reply(live: Any) -> Any:
    (reply,) = live.app.state.service.generations._replies.values()
    return reply


@pytest.mark.parametrize("stream", [False, True])
def test_who_leaves_frees_the_slot_within_two_steps(
    serve_live: Callable[..., Any], stepwise: Any, until: Until, stream: bool
) -> None:
    live = serve_live(stepwise.load)
    with live.connect() as connection:
        send(connection, stream=stream)
        stepwise.allow(3)
        until(lambda: stepwise.num_steps == 3 and stepwise.is_waiting)
        reply = live_reply(live)
    until(lambda: reply.is_over)
    assert stepwise.num_open == 1, "the engine is in the middle of a step"
    stepwise.allow(2)
    until(lambda: stepwise.is_idle)
    assert stepwise.num_steps <= 5


@pytest.mark.parametrize("stream", [False, True])
def test_a_stop_frees_the_slot_and_is_told(
    serve_live: Callable[..., Any], stepwise: Any, until: Until, stream: bool
) -> None:
    live = serve_live(stepwise.load)
    with live.connect() as connection:
        send(connection, stream=stream)
        stepwise.allow(2)
        until(lambda: stepwise.num_steps == 2 and stepwise.is_waiting)
        reply_id = live_reply(live).id
        url = f"{live.url}/chat/{reply_id}/stop"
        assert httpx.post(url).status_code == 204
        received = read_until(connection, "没有保存".encode())
        assert reply_id.encode() in received or not stream
        assert b'"status":409' in received
        stepwise.allow(2)
        until(lambda: stepwise.is_idle)
    assert httpx.post(f"{live.url}/chat/unknown/stop").status_code == 404


def test_a_broken_stream_is_taken_up_where_it_broke(
    serve_live: Callable[..., Any], stepwise: Any, until: Until
) -> None:
    live = serve_live(stepwise.load)
    body = {"message": "你好", "max_new_tokens": 12, "seed": 1, "stream": True, "resumable": True}
    with httpx.stream("POST", f"{live.url}/chat", json=body, timeout=30) as response:
        first = events(response.iter_lines())
        assert next(first)[1:] == ("start", {"reply_id": response.headers["x-reply-id"]})
        stepwise.allow(4)
        number, _, piece = next(event for event in first if event[1] == "delta")
    reply = live_reply(live)
    until(lambda: not reply._num_followers)
    stepwise.set_free()
    until(lambda: reply.is_over)
    url = f"{live.url}/chat/{response.headers['x-reply-id']}"
    rest = list(
        events(iter(httpx.get(url, headers={"Last-Event-ID": str(number)}).text.split("\n")))
    )
    assert [event[0] for event in rest] == list(range(number + 1, number + 1 + len(rest)))
    answer = rest[-1][2]
    missed = "".join(data["text"] for _, name, data in rest if name == "delta")
    assert piece["text"] + missed == answer["reply"]
    session = httpx.get(f"{live.url}/sessions/{answer['session_id']}").json()
    assert [turn["bot"] for turn in session["turns"]] == [answer["reply"]]
    whole = list(events(iter(httpx.get(url).text.split("\n"))))
    assert whole[-1] == rest[-1]
    assert whole[0][1] == "start"


def test_a_stream_can_be_followed_while_it_is_written(
    serve_live: Callable[..., Any], stepwise: Any
) -> None:
    live = serve_live(stepwise.load)
    body = {"message": "你好", "max_new_tokens": 6, "stream": True}
    with httpx.stream("POST", f"{live.url}/chat", json=body, timeout=30) as response:
        url = f"{live.url}/chat/{response.headers['x-reply-id']}"
        with httpx.stream("GET", url, timeout=30) as second:
            stepwise.set_free()
            assert list(events(second.iter_lines())) == list(events(response.iter_lines()))


def test_one_who_never_reads_does_not_keep_the_slot(
    serve_live: Callable[..., Any], stepwise: Any, until: Until
) -> None:
    live = serve_live(stepwise.load)
    with live.connect() as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1)
        send(connection, stream=True)
        until(lambda: stepwise.num_open == 1)
        stepwise.set_free()
        until(lambda: stepwise.is_idle)


def test_a_deadline_of_ones_own_is_504_in_both_forms(
    serve_live: Callable[..., Any], stepwise: Any, until: Until
) -> None:
    live = serve_live(stepwise.load)
    body: dict[str, Any] = {"message": "你好", "deadline_seconds": 1}
    late = httpx.post(f"{live.url}/chat", json=body, timeout=30)
    assert late.status_code == 504
    assert late.headers["content-type"] == "application/problem+json"
    assert late.json()["title"] == "没能按时答完"
    streamed = httpx.post(f"{live.url}/chat", json={**body, "stream": True}, timeout=30)
    *_, (_, name, problem) = events(iter(streamed.text.split("\n")))
    assert (name, problem) == ("error", late.json())
    stepwise.set_free()
    until(lambda: stepwise.is_idle)
