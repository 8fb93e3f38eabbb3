"""From settings to a running server: the listening socket, uvicorn, and a quiet end."""

import asyncio
import gc
import logging
import signal
import socket
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from errno import EACCES, EADDRINUSE
from typing import TYPE_CHECKING

import uvicorn
from fastapi import FastAPI

from api.patient_http import PatientHttp
from api.problems import ProblemError
from api.settings import Settings
from api.store.database import open_database
from api.store.errors import StoreUnusable
from api.tracing import TracingUnavailable
from chatbot.errors import ChatbotError

if TYPE_CHECKING:  # torch is slow to import
    from api.state import ServiceState

logger = logging.getLogger(__name__)

_LAST_SECONDS = 3  # for what is still being sent when all replies have ended
# The engine's thread gives the interpreter away at each of its many small products. With
# Python's 5 ms it came back so late that a third fewer tokens were made while the loop was busy.
SWITCH_SECONDS = 0.0005
_OPENED_AS = {"0.0.0.0": "127.0.0.1", "::": "::1"}


class CannotServe(Exception):
    """The service cannot start; its text is one line that names the remedy."""


def serve(settings: Settings, tell: Callable[[str], object]) -> None:
    """Serve until interrupted; `tell` gets what a user should read, line by line.

    Raises:
        CannotServe: when the port, the session store or the checkpoint cannot be used.
        KeyboardInterrupt: after Ctrl+C, when all is closed.
    """
    with _listen(settings.host, settings.port) as listener:
        asyncio.run(_try_store(settings))
        with _interrupted_afterwards():
            tell("正在加载模型……")
            from api.app import create_app  # torch is slow to import: only when all else is right
        address = _address(settings.host, listener.getsockname()[1])

        def on_ready() -> None:
            tell(f"闲聊已就绪，请打开 {address} （按 Ctrl+C 退出）")

        _run(create_app, settings, listener, on_ready)


def _run(
    create_app: Callable[..., FastAPI],
    settings: Settings,
    listener: socket.socket,
    on_ready: Callable[[], object],
) -> None:
    failures: list[Exception] = []

    def on_loaded(error: Exception | None) -> None:
        if error is not None:
            failures.append(error)
            server.should_exit = True
        elif not server.should_exit:
            on_ready()

    sys.setswitchinterval(SWITCH_SECONDS)
    try:
        app = create_app(settings, on_loaded=on_loaded)
    except TracingUnavailable as error:
        raise CannotServe(str(error)) from error
    gc.freeze()  # what was imported stays: looking through it took a tenth of the loop's time
    server = _Server(app, settings)
    server.run(sockets=[listener])
    if failures:
        raise _cannot_load(failures[0]) from failures[0]


@contextmanager
def _interrupted_afterwards() -> Iterator[None]:
    """Keep Ctrl+C for the end of the block: a library that is being imported may swallow it."""
    noted: list[int] = []
    before = signal.signal(signal.SIGINT, lambda number, _frame: noted.append(number))
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
    if noted:
        raise KeyboardInterrupt


class _Server(uvicorn.Server):
    """A server that, told to stop, says so and lets replies under way come to their end."""

    def __init__(self, app: FastAPI, settings: Settings) -> None:
        config = uvicorn.Config(
            app,
            http=PatientHttp,
            loop="auto",  # uvloop, but on Windows
            log_config=None,
            access_log=False,
            server_header=False,
            lifespan="on",
            proxy_headers=bool(settings.trusted_proxies),
            forwarded_allow_ips=settings.trusted_proxies or None,
            h11_max_incomplete_event_size=settings.max_header_bytes,
            timeout_graceful_shutdown=_LAST_SECONDS,
        )
        super().__init__(config)
        self._app = app
        self._reloading: asyncio.Task[None] | None = None

    @property
    def _service(self) -> "ServiceState":
        service: ServiceState = self._app.state.service
        return service

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start, and take SIGHUP for the wish to load the model anew."""
        await super().startup(sockets)
        if threading.current_thread() is threading.main_thread() and hasattr(signal, "SIGHUP"):
            asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, self._reload)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Refuse new replies and end those under way, still listening; then close.

        A second Ctrl+C skips the waiting.
        """
        draining = asyncio.ensure_future(self._drain())
        while not draining.done() and not self.force_exit:
            await asyncio.wait({draining}, timeout=0.1)
        draining.cancel()
        await super().shutdown(sockets)

    async def _drain(self) -> None:
        service = self._service
        try:
            async with asyncio.timeout(service.settings.drain_seconds):
                await service.generations.drain()
                await service.desk.drain()
        except TimeoutError:
            await service.keeper.stop_bot()

    def _reload(self) -> None:
        self._reloading = asyncio.create_task(self._reload_bot())

    async def _reload_bot(self) -> None:
        with suppress(ProblemError):  # the keeper has told the log
            await self._service.keeper.reload()


def _listen(host: str, port: int) -> socket.socket:
    try:
        family, _, _, _, where = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        listener = socket.create_server(where[:2], family=family, backlog=2048)
        # asyncio does it for sockets that it made itself. Without it, the second packet of each
        # answer waits 40 ms for the client's acknowledgement of the first.
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return listener
    except OSError as error:
        if error.errno == EADDRINUSE:
            another = port + 1 if port < 65535 else 8000
            words = f"端口 {port} 已被占用；请换一个，例如 make serve PORT={another}"
        elif error.errno == EACCES:
            words = f"没有权限使用端口 {port}；请换 1024 以上的，例如 make serve PORT=8000"
        else:
            words = f"不能在地址 {host} 上监听；只在本机用，请设 HOST=127.0.0.1"
        raise CannotServe(words) from error


async def _try_store(settings: Settings) -> None:
    """Meet a broken store before anything is served, where one line can say so."""
    try:
        await (await open_database(settings)).close()
    except StoreUnusable as error:
        raise CannotServe(str(error)) from error


def _address(host: str, port: int) -> str:
    shown = _OPENED_AS.get(host, host)
    return f"http://[{shown}]:{port}" if ":" in shown else f"http://{shown}:{port}"


def _cannot_load(error: Exception) -> CannotServe:
    if not isinstance(error, ChatbotError):
        logger.error("the bot could not be loaded", exc_info=error)
    return CannotServe(f"模型没能加载：{str(error) or type(error).__name__}")
