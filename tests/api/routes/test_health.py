import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from fastapi.testclient import TestClient

from api.app import create_app
from api.settings import Settings


@pytest.fixture
def slow_load(bot: Any) -> Iterator[tuple[threading.Event, Callable[[Any], Any]]]:
    """A gate, and a loader that waits at it."""
    gate = threading.Event()

    def load(_folder: Any) -> Any:
        gate.wait(20)
        return bot

    yield gate, load
    gate.set()


def test_alive_at_once_and_ready_when_the_bot_is(
    settings: Settings, bot: Any, slow_load: tuple[threading.Event, Callable[[Any], Any]]
) -> None:
    gate, load = slow_load
    loaded = threading.Event()
    app = create_app(settings, load_bot=load, on_loaded=lambda _: loaded.set())
    with TestClient(app) as client:
        assert client.get("/healthz").json() == {"status": "ok"}
        for waiting in (client.get("/readyz"), client.post("/chat", json={"message": "你好"})):
            assert waiting.status_code == 503
            assert waiting.headers["content-type"] == "application/problem+json"
            assert waiting.headers["retry-after"] == "1"
        gate.set()
        assert loaded.wait(20)
        ready = client.get("/readyz")
        assert ready.status_code == 200
        num_chars = 256 - bot.defaults.max_new_tokens
        assert ready.json() == {
            "status": "ready",
            "model": "scripted",
            "max_message_chars": num_chars,
            "defaults": {
                "temperature": 0.7,
                "top_k": 0,
                "top_p": 0.9,
                "min_p": 0.0,
                "repetition_penalty": 1.1,
                "no_repeat_ngram": 0,
                "max_new_tokens": 64,
                "candidates": 1,
            },
        }
    assert bot.num_closed == 1


def test_the_operators_limit_counts_when_it_is_tighter(
    make_client: Callable[..., TestClient], settings: Settings, bot: Any
) -> None:
    client = make_client(settings.model_copy(update={"max_message_chars": 9}), lambda _: bot)
    assert client.get("/readyz").json()["max_message_chars"] == 9


def test_not_ready_while_the_sessions_cannot_be_reached(
    client: TestClient, settings: Settings
) -> None:
    file = settings.data_dir / "xianliao.db"
    moved = file.rename(file.with_name("moved.db"))
    refused = client.get("/readyz")
    assert refused.status_code == 503
    assert refused.json()["title"] == "会话暂时存取不了"
    assert client.get("/healthz").status_code == 200
    moved.rename(file)
    assert client.get("/readyz").status_code == 200
