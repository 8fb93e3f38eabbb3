import json
import socket
import threading
import time
from typing import Any

import httpx
import pytest

from api import serving
from api.app import create_app
from api.settings import Settings


@pytest.mark.parametrize(
    ("host", "address"),
    [
        ("127.0.0.1", "http://127.0.0.1:8000"),
        ("0.0.0.0", "http://127.0.0.1:8000"),
        ("::", "http://[::1]:8000"),
        ("example.cn", "http://example.cn:8000"),
    ],
)
def test_the_address_is_one_that_a_browser_opens(host: str, address: str) -> None:
    assert serving._address(host, 8000) == address


def test_a_taken_port_is_named_with_the_remedy() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(serving.CannotServe, match=f"端口 {port} 已被占用.*PORT={port + 1}"):
            serving._listen("127.0.0.1", port)


def test_what_is_sent_leaves_at_once() -> None:
    listener = serving._listen("127.0.0.1", 0)
    with listener, socket.create_connection(listener.getsockname()):
        accepted, _ = listener.accept()
        with accepted:
            assert accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)


def test_an_address_of_another_machine_is_refused() -> None:
    with pytest.raises(serving.CannotServe, match=r"192\.0\.2\.1.*HOST=127"):
        serving._listen("192.0.2.1", 0)


def test_stopping_lets_a_reply_end_but_not_for_ever(settings: Settings, bot: Any) -> None:
    settings = settings.model_copy(update={"drain_seconds": 0.5})
    bot.pieces = ["没完没了"] * 1000
    bot.pause = 0.05
    loaded = threading.Event()
    app = create_app(settings, load_bot=lambda _: bot, on_loaded=lambda _: loaded.set())
    server = serving._Server(app, settings)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=server.run, args=([listener],))
        thread.start()
        assert loaded.wait(20)
        url = f"http://127.0.0.1:{listener.getsockname()[1]}/chat"
        body = {"message": "说吧", "stream": True}
        with httpx.stream("POST", url, json=body, timeout=20) as response:
            lines = response.iter_lines()
            next(lines)
            server.should_exit = True
            stopped_at = time.monotonic()
            data = [json.loads(line[6:]) for line in lines if line.startswith("data: ")]
        thread.join(20)
    assert not thread.is_alive()
    assert data[-1]["status"] == 503
    assert len(data) > 3, "a reply under way was cut off at once"
    assert time.monotonic() - stopped_at < 5
