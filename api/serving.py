"""From settings to a running server: the listening socket, uvicorn, and a quiet end."""

import asyncio
import logging
import signal
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from errno import EACCES, EADDRINUSE

import uvicorn
from fastapi import FastAPI
from sqlalchemy.exc import SQLAlchemyError

from api.sessions import open_store
from api.settings import Settings
from chatbot.errors import ChatbotError

logger = logging.getLogger(__name__)

_GRACE_SECONDS = 5  # for replies under way when the service is told to stop
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
        tell("正在加载模型……")
        address = _address(settings.host, listener.getsockname()[1])
        _run(settings, listener, lambda: tell(f"闲聊已就绪，请打开 {address} （按 Ctrl+C 退出）"))


def _run(settings: Settings, listener: socket.socket, on_ready: Callable[[], object]) -> None:
    with _interrupted_afterwards():
        from api.app import create_app  # torch is slow to import: only when all else is right

    failures: list[Exception] = []

    def on_loaded(error: Exception | None) -> None:
        if error is not None:
            failures.append(error)
            server.should_exit = True
        elif not server.should_exit:
            on_ready()

    server = _Server(create_app(settings, on_loaded=on_loaded))
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
    """A server that lets replies under way come to their end, but not for ever."""

    def __init__(self, app: FastAPI) -> None:
        config = uvicorn.Config(
            app,
            log_config=None,
            access_log=False,
            server_header=False,
            lifespan="on",
            timeout_graceful_shutdown=2 * _GRACE_SECONDS,
        )
        super().__init__(config)
        self._app = app

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Stop the engine after a grace, which ends the streams that are still open."""
        stopping = asyncio.create_task(self._stop_bot_later())
        await super().shutdown(sockets)
        stopping.cancel()

    async def _stop_bot_later(self) -> None:
        await asyncio.sleep(_GRACE_SECONDS)
        await self._app.state.service.keeper.stop_bot()


def _listen(host: str, port: int) -> socket.socket:
    try:
        family, _, _, _, where = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        return socket.create_server(where[:2], family=family, backlog=2048)
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
        await (await open_store(settings)).close()
    except (SQLAlchemyError, OSError, ImportError) as error:
        reason = str(getattr(error, "orig", None) or error).splitlines()[0]
        raise CannotServe(
            f"会话数据库打不开（{reason}）；请检查 XIANLIAO_DATA_DIR 和 XIANLIAO_DATABASE_URL"
        ) from error


def _address(host: str, port: int) -> str:
    shown = _OPENED_AS.get(host, host)
    return f"http://[{shown}]:{port}" if ":" in shown else f"http://{shown}:{port}"


def _cannot_load(error: Exception) -> CannotServe:
    if not isinstance(error, ChatbotError):
        logger.error("the bot could not be loaded", exc_info=error)
    return CannotServe(f"模型没能加载：{str(error) or type(error).__name__}")
