"""POST /chat on a real port: what happens when the client hangs up."""

import asyncio
import json
import socket
import sqlite3
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from chatbot.bot import Bot
from chatbot.decoding.sequence import TokenRules

SLOW_STEP = 0.1  # seconds; 128 tokens then take longer than any test waits
SOON = 8.0


def send_chat(connection: socket.socket, **body: Any) -> None:
    """Send a whole request; the answer is left unread."""
    content = json.dumps(body).encode()
    head = (
        "POST /chat HTTP/1.1\r\nHost: test\r\nContent-Type: application/json\r\n"
        f"Content-Length: {len(content)}\r\n\r\n"
    )
    connection.sendall(head.encode() + content)


def becomes(condition: Callable[[], bool], seconds: float = SOON) -> bool:
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.01)
    return True


def read_until(connection: socket.socket, words: bytes) -> bytes:
    received = b""
    while words not in received:
        piece = connection.recv(4096)
        assert piece, received
        received += piece
    return received


def stored_messages(live: Any) -> list[str]:
    path = live.app.state.service.settings.data_dir / "xianliao.db"
    with sqlite3.connect(path) as database:
        return [user for (user,) in database.execute('SELECT "user" FROM turns')]


@pytest.fixture
def endless() -> "EndlessBot":
    """A loader of the tiny checkpoint's bot, slowed down, that never ends by itself."""
    return EndlessBot()


class EndlessBot:
    def __init__(self) -> None:
        self.bot: Any = None

    def load(self, folder: Path) -> Bot:
        self.bot = Bot.from_checkpoint(folder)
        self.bot.warm_up()
        rules = self.bot._rules
        self.bot._rules = TokenRules(
            stop_ids=frozenset(), banned_ids=rules.banned_ids | rules.stop_ids
        )
        engine = self.bot._worker._engine
        run = engine.runner.run

        def slow_run(*step: Any) -> Any:
            time.sleep(SLOW_STEP)
            return run(*step)

        engine.runner.run = slow_run
        return self.bot

    @property
    def num_running(self) -> int:
        return int(self.bot._worker.num_open)

    @property
    def is_idle(self) -> bool:
        return self.num_running == 0 and bool(self.bot._worker._engine.is_idle)


@pytest.mark.parametrize("stream", [False, True])
def test_hanging_up_in_mid_reply_frees_engine_and_session_and_stores_nothing(
    serve_live: Callable[..., Any], endless: EndlessBot, stream: bool
) -> None:
    live = serve_live(endless.load)
    first = httpx.post(f"{live.url}/chat", json={"message": "你好", "max_new_tokens": 2}).json()
    session_id = first["session_id"]
    with live.connect() as connection:
        body = {"message": "走了", "session_id": session_id, "max_new_tokens": 128}
        send_chat(connection, **body, stream=stream)
        if stream:
            read_until(connection, b"event: delta")
        assert becomes(lambda: endless.num_running == 1)
        time.sleep(5 * SLOW_STEP)
        assert endless.num_running == 1, "the reply ended before the client could leave"
    assert becomes(lambda: endless.is_idle), "the engine works on for nobody"
    body = {"message": "我回来了", "session_id": session_id, "max_new_tokens": 2}
    answer = httpx.post(f"{live.url}/chat", json=body, timeout=SOON).json()
    assert answer["turn"] == 2
    assert stored_messages(live) == ["你好", "我回来了"]


@pytest.mark.parametrize("stream", [False, True])
def test_hanging_up_before_the_first_byte_leaves_nothing_behind(
    serve_live: Callable[..., Any], endless: EndlessBot, stream: bool
) -> None:
    live = serve_live(endless.load)
    for _ in range(5):
        with live.connect() as connection:
            send_chat(connection, message="喂", stream=stream, max_new_tokens=128)
    time.sleep(10 * SLOW_STEP)
    assert becomes(lambda: endless.is_idle)
    assert stored_messages(live) == []
    answer = httpx.post(f"{live.url}/chat", json={"message": "在吗", "max_new_tokens": 2})
    assert answer.status_code == 200


def test_hanging_up_while_waiting_for_an_earlier_turn_starts_nothing(
    serve_live: Callable[..., Any], endless: EndlessBot
) -> None:
    live = serve_live(endless.load)
    first = httpx.post(f"{live.url}/chat", json={"message": "你好", "max_new_tokens": 2}).json()
    session_id = first["session_id"]
    with live.connect() as speaking:
        body = {"session_id": session_id, "stream": True}
        send_chat(speaking, message="第二句", max_new_tokens=20, **body)
        read_until(speaking, b"event: delta")
        with live.connect() as waiting:
            send_chat(waiting, message="等不及", max_new_tokens=128, **body)
            time.sleep(5 * SLOW_STEP)
            assert endless.num_running == 1, "two turns of one session ran at once"
        read_until(speaking, b"event: done")
    assert becomes(lambda: endless.is_idle)
    assert stored_messages(live) == ["你好", "第二句"]


def test_a_stream_flows_piece_by_piece(serve_live: Callable[..., Any], endless: EndlessBot) -> None:
    live = serve_live(endless.load)
    body = {"message": "你好", "stream": True, "max_new_tokens": 20}
    arrivals = []
    with httpx.stream("POST", f"{live.url}/chat", json=body, timeout=20) as response:
        for line in response.iter_lines():
            if line.startswith("data: "):
                arrivals.append(time.monotonic())
    assert len(arrivals) > 5
    assert arrivals[-1] - arrivals[0] > 10 * SLOW_STEP


def test_the_loop_answers_others_while_a_reply_is_generated(
    serve_live: Callable[..., Any], endless: EndlessBot
) -> None:
    live = serve_live(endless.load)

    async def measure() -> list[float]:
        async with httpx.AsyncClient(base_url=live.url, timeout=60) as client:
            body = {"message": "你好", "max_new_tokens": 20}
            talking = [asyncio.create_task(client.post("/chat", json=body)) for _ in range(4)]
            waits = []
            while not all(task.done() for task in talking):
                started = time.monotonic()
                assert (await client.get("/healthz")).status_code == 200
                waits.append(time.monotonic() - started)
                await asyncio.sleep(0.01)
            assert {task.result().status_code for task in talking} == {200}
            return waits

    waits = asyncio.run(measure())
    assert len(waits) > 10
    assert sorted(waits)[len(waits) // 2] < 20 * SLOW_STEP / 4


def test_a_full_queue_is_429_with_retry_after(
    serve_live: Callable[..., Any], endless: EndlessBot
) -> None:
    live = serve_live(endless.load)
    capacity = endless.bot._worker._engine.scheduler.capacity
    connections = [live.connect() for _ in range(capacity)]
    try:
        for connection in connections:
            send_chat(connection, message="排队", max_new_tokens=128)
        assert becomes(lambda: endless.num_running == capacity)
        for stream in (False, True):
            refused = httpx.post(f"{live.url}/chat", json={"message": "我也要", "stream": stream})
            assert refused.status_code == 429
            assert 2 <= int(refused.headers["retry-after"]) <= capacity
            assert refused.headers["content-type"] == "application/problem+json"
    finally:
        for connection in connections:
            connection.close()
    assert becomes(lambda: endless.is_idle), "those who left still hold their places"


def test_a_body_too_large_is_answered_while_it_is_sent(
    serve_live: Callable[..., Any], bot: Any
) -> None:
    live = serve_live(lambda _: bot)
    headers = {"content-type": "application/json"}
    with httpx.Client(base_url=live.url, headers=headers) as client:
        for content in (b" " * 5_000_000, iter([b" " * 50_000] * 100)):
            response = client.post("/chat", content=content)
            assert response.status_code == 413
            assert response.json()["title"] == "请求体太大"
        assert client.get("/healthz").status_code == 200
