"""A service to talk to: in this process, or on a real port, with a real or a scripted bot."""

import asyncio
import os
import socket
import threading
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import uvicorn
from fastapi import FastAPI
from fastapi.testclient import TestClient

from api.app import create_app
from api.settings import Settings
from chatbot.bot import Bot, Reply, Vitals
from chatbot.decoding.params import SamplingParams
from chatbot.errors import EngineStopped
from chatbot.likelihood import LikelyToken

READY_SECONDS = 60


@dataclass
class ScriptedBot:
    """Answers what the test wrote, as slowly as the test wants; knows what still runs."""

    pieces: Sequence[str] = ("好", "呀", "。")
    pause: float = 0.0  # seconds before each piece
    refusal: Exception | None = None  # raised by start
    failure: Exception | None = None  # raised after the pieces
    history_fits: int = 1000  # utterances; the others are dropped
    name: str = "scripted"
    defaults: SamplingParams = field(default_factory=SamplingParams)
    started: list[tuple[list[str], str, SamplingParams]] = field(default_factory=list)
    running: list["ScriptedGeneration"] = field(default_factory=list)
    most_at_once: int = 0
    stops: Sequence[str] = ()  # of the latest start
    vitals: Vitals = field(default_factory=Vitals)
    num_closed: int = 0

    def max_message_tokens(self, max_new_tokens: int) -> int:
        return 256 - max_new_tokens

    def warm_up(self) -> None:
        pass

    def close(self, _timeout: float | None = None) -> None:
        self.num_closed += 1

    def start(
        self,
        history: Sequence[str],
        message: str,
        params: SamplingParams,
        stops: Sequence[str] = (),
        *,
        top_log_probs: int | None = None,
    ) -> "ScriptedGeneration":
        asyncio.get_running_loop()
        if self.refusal is not None:
            raise self.refusal
        self.stops = stops
        self.started.append((list(history), message, params))
        return ScriptedGeneration(self, len(history), params, top_log_probs)


class ScriptedGeneration:
    def __init__(
        self, bot: ScriptedBot, num_history: int, params: SamplingParams, num_top: int | None
    ) -> None:
        self._bot = bot
        top = tuple(LikelyToken("[SEP]", True, -2.0 - k) for k in range(num_top or 0))
        told = [LikelyToken(piece, False, -1.0, top) for piece in bot.pieces]
        self.log_probs = None if num_top is None else told
        used = min(num_history, bot.history_fits)
        seed = 7 if params.seed is None else params.seed
        text = "".join(bot.pieces)
        self.reply = Reply(text, "stop", 10, len(bot.pieces), used, num_history - used, seed)
        self._pieces = self._speak()
        bot.running.append(self)
        bot.most_at_once = max(bot.most_at_once, len(bot.running))

    def __aiter__(self) -> "ScriptedGeneration":
        return self

    async def __anext__(self) -> str:
        return await anext(self._pieces)

    async def wait(self) -> Reply:
        async for _ in self:
            pass
        return self.reply

    def cancel(self) -> None:
        if self in self._bot.running:
            self._bot.running.remove(self)

    async def _speak(self) -> AsyncIterator[str]:
        try:
            for piece in self._bot.pieces:
                await asyncio.sleep(self._bot.pause)
                if self._bot.num_closed:
                    raise EngineStopped
                yield piece
            if self._bot.failure is not None:
                raise self._bot.failure
        finally:
            self.cancel()


@dataclass(frozen=True)
class Live:
    """A service on a real port of this machine."""

    port: int
    app: FastAPI

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def connect(self) -> socket.socket:
        return socket.create_connection(("127.0.0.1", self.port), timeout=20)


@pytest.fixture(scope="session", autouse=True)
def no_settings_from_outside() -> Iterator[None]:
    """No test may meet the database, or any other setting, of whoever runs it."""
    with pytest.MonkeyPatch.context() as monkeypatch:
        for name in os.environ:
            if name.startswith(("XIANLIAO_", "DATABASE_URL", "OTEL_")):
                monkeypatch.delenv(name)
        yield


@pytest.fixture
def settings(tiny_checkpoint: Path, tmp_path: Path) -> Settings:
    """Settings of a service with a fresh session store."""
    return Settings(checkpoint=tiny_checkpoint, data_dir=tmp_path / "data")


@pytest.fixture
def bot() -> ScriptedBot:
    """The bot behind `client` and what `serve_live` is given."""
    return ScriptedBot()


def _make_app(
    settings: Settings, load_bot: Callable[[Path], Any]
) -> tuple[FastAPI, Callable[[], None]]:
    """The application, and a function that waits until its bot is ready."""
    loaded = threading.Event()
    errors: list[Exception | None] = []

    def on_loaded(error: Exception | None) -> None:
        errors.append(error)
        loaded.set()

    def wait_until_ready() -> None:
        assert loaded.wait(READY_SECONDS), "the bot did not load in time"
        assert errors == [None], errors

    return create_app(settings, load_bot=load_bot, on_loaded=on_loaded), wait_until_ready


@pytest.fixture
def make_client() -> Iterator[Callable[[Settings, Callable[[Path], Any]], TestClient]]:
    """Start services in this process, ready to answer; they stop with the test."""
    with ExitStack() as stack:

        def make(settings: Settings, load_bot: Callable[[Path], Any]) -> TestClient:
            app, wait_until_ready = _make_app(settings, load_bot)
            client = stack.enter_context(TestClient(app, raise_server_exceptions=False))
            wait_until_ready()
            return client

        yield make


@pytest.fixture
def client(make_client: Callable[..., TestClient], settings: Settings, bot: Any) -> TestClient:
    """A client of a service with the scripted bot."""
    return make_client(settings, lambda _: bot)


@pytest.fixture
def real_client(make_client: Callable[..., TestClient], settings: Settings) -> TestClient:
    """A client of a service with the tiny checkpoint's bot."""
    return make_client(settings, Bot.from_checkpoint)


@pytest.fixture(scope="session")
def serve_on_a_port() -> Callable[..., AbstractContextManager[Live]]:
    """For services that outlive a test: `on_a_port`."""
    return on_a_port


@pytest.fixture(scope="session")
def scripted_bot() -> type[ScriptedBot]:
    """For bots that outlive a test."""
    return ScriptedBot


@pytest.fixture
def serve_live(settings: Settings) -> Iterator[Callable[..., Live]]:
    """Start services on real ports; they stop with the test."""
    with ExitStack() as stack:

        def start(load_bot: Callable[[Path], Any] = Bot.from_checkpoint) -> Live:
            return stack.enter_context(on_a_port(settings, load_bot))

        yield start


@contextmanager
def on_a_port(settings: Settings, load_bot: Callable[[Path], Any]) -> Iterator[Live]:
    """A service on a real port until the context ends."""
    app, wait_until_ready = _make_app(settings, load_bot)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        config = uvicorn.Config(app, log_config=None, lifespan="on", timeout_graceful_shutdown=5)
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run, args=([listener],))
        thread.start()
        try:
            wait_until_ready()
            yield Live(listener.getsockname()[1], app)
        finally:
            server.should_exit = True
            thread.join()
