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
        }
    assert bot.num_closed == 1


def test_the_operators_limit_counts_when_it_is_tighter(
    make_client: Callable[..., TestClient], settings: Settings, bot: Any
) -> None:
    client = make_client(settings.model_copy(update={"max_message_chars": 9}), lambda _: bot)
    assert client.get("/readyz").json()["max_message_chars"] == 9
