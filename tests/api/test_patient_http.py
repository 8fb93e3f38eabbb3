"""Connections that nobody uses, on a real port."""

import asyncio
import contextlib
import socket
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest
import uvicorn
from starlette.types import Receive, Scope, Send

from api.patient_http import PatientHttp

HEAD_SECONDS = 0.2
BIG = 64 * 2**20  # more than any socket's buffers hold
HEAD = b"GET / HTTP/1.1\r\nHost: here\r\n"


@dataclass(frozen=True)
class Connect:
    """Connects to a server that has little patience."""

    server: uvicorn.Server
    address: tuple[str, int]

    def __call__(self) -> socket.socket:
        return socket.create_connection(self.address, timeout=30)


async def app(scope: Scope, _receive: Receive, send: Send) -> None:
    """Answer after longer than a head may take; at /big, with much."""
    await asyncio.sleep(2 * HEAD_SECONDS)
    size = BIG if scope["path"] == "/big" else 2
    headers = [(b"content-length", str(size).encode())]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": bytes(size)})


@pytest.fixture
def connect(monkeypatch: pytest.MonkeyPatch) -> Iterator[Connect]:
    """A server that runs as long as the test."""
    monkeypatch.setattr(PatientHttp, "head_seconds", HEAD_SECONDS)
    monkeypatch.setattr(PatientHttp, "write_seconds", HEAD_SECONDS)
    config = uvicorn.Config(
        app,
        http=PatientHttp,
        log_config=None,
        lifespan="off",
        h11_max_incomplete_event_size=1024,
        timeout_graceful_shutdown=1,
    )
    with socket.create_server(("127.0.0.1", 0)) as listener:
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run, args=([listener],))
        thread.start()
        yield Connect(server, listener.getsockname())
        server.should_exit = True
        thread.join()


def read_to_end(connection: socket.socket) -> bytes:
    """All that comes until the other side hangs up, which it must."""
    read = b""
    while piece := connection.recv(2**20):
        read += piece
    return read


@pytest.mark.parametrize("sent", [b"", b"GET", HEAD])
def test_a_head_that_does_not_come_is_not_waited_for(connect: Connect, sent: bytes) -> None:
    with connect() as connection:
        connection.sendall(sent)
        assert read_to_end(connection) == b""


def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline, "what was expected did not come"
        time.sleep(0.01)


def hangs_up_on(connection: socket.socket, piece: bytes) -> bool:
    """Whether the other side has enough of who sends this again and again."""
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        try:
            connection.sendall(piece)
        except OSError:
            return True
        time.sleep(HEAD_SECONDS / 10)
    return False


def test_a_head_that_trickles_is_not_waited_for(connect: Connect) -> None:
    with connect() as connection:
        connection.sendall(HEAD)
        assert hangs_up_on(connection, b"X")


def test_a_body_that_nobody_reads_keeps_no_connection(connect: Connect) -> None:
    with connect() as connection:
        connection.sendall(HEAD + b"Transfer-Encoding: chunked\r\n\r\n")
        assert connection.recv(4096).startswith(b"HTTP/1.1 200")
        assert hangs_up_on(connection, b"1\r\nX\r\n")


def test_who_takes_nothing_is_left(connect: Connect) -> None:
    with connect() as connection:
        connection.sendall(HEAD.replace(b" / ", b" /big ") + b"\r\n")
        until(lambda: bool(connect.server.server_state.tasks))
        until(lambda: not connect.server.server_state.connections)
        with contextlib.suppress(ConnectionError):
            assert len(read_to_end(connection)) < BIG


class Transport(asyncio.Transport):
    """Keeps what is written."""

    written = b""
    is_closed = False

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.written += bytes(data)

    def is_closing(self) -> bool:
        return self.is_closed

    def close(self) -> None:
        self.is_closed = True


def test_an_answer_may_take_longer_and_the_next_head_has_its_own_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(PatientHttp, "head_seconds", HEAD_SECONDS)

    async def ask_twice() -> Transport:
        config = uvicorn.Config(app, lifespan="off", h11_max_incomplete_event_size=1024)
        protocol = PatientHttp(config, uvicorn.server.ServerState(), {})
        transport = Transport()
        protocol.connection_made(transport)
        for _ in range(2):
            protocol.data_received(HEAD + b"\r\n")
            while protocol.tasks:
                await asyncio.sleep(0.01)
            protocol.timeout_keep_alive_task.cancel()  # type: ignore[union-attr]
        return transport

    transport = asyncio.run(ask_twice())
    assert transport.written.count(b"200 OK") == 2
    assert not transport.is_closed
