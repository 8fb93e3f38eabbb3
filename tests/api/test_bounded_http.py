"""The server's parser on a real port, before an application that tells what it got."""

import socket
import threading
from collections.abc import Callable, Iterator

import pytest
import uvicorn
from starlette.types import Receive, Scope, Send

from api.bounded_http import BoundedHttp

LIMIT = 2000
POST = b"POST /chat HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n"
CHUNKED = b"POST /chat HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
OFFER = b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: %s\r\nHTTP2-Settings: AA\r\n"


async def told(scope: Scope, receive: Receive, send: Send) -> None:
    """Answer with the method, the path and the body."""
    body, more = b"", True
    while more:
        message = await receive()
        body, more = body + message.get("body", b""), message.get("more_body", False)
    text = f"{scope['method']} {scope['path']} ".encode() + body
    headers = [(b"content-length", str(len(text)).encode())]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": text})


@pytest.fixture(scope="module")
def connect() -> Iterator[Callable[[], socket.socket]]:
    """Connections to a server that reads at most `LIMIT` bytes of nothing."""
    config = uvicorn.Config(
        told, http=BoundedHttp, log_config=None, lifespan="off", h11_max_incomplete_event_size=LIMIT
    )
    server = uvicorn.Server(config)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=server.run, args=([listener],))
        thread.start()
        yield lambda: socket.create_connection(listener.getsockname(), timeout=30)
        server.should_exit = True
        thread.join()


def read_until(client: socket.socket, end: bytes) -> bytes:
    """What comes up to `end`, or to the end of the connection."""
    got = b""
    while end not in got and (data := client.recv(4096)):
        got += data
    return got


@pytest.mark.parametrize("protocol", [b"h2c", b"websocket"])
def test_an_offer_to_upgrade_is_passed_over_and_the_body_is_kept(
    connect: Callable[[], socket.socket], protocol: bytes
) -> None:
    with connect() as client:
        for body in (b"first", b"again"):
            client.sendall(POST + OFFER % protocol + b"\r\n" + body)
            assert read_until(client, body).startswith(b"HTTP/1.1 200")
        client.sendall(b"GET /x HTTP/1.1\r\nHost: a\r\n" + OFFER % protocol + b"\r\n")
        assert b"200" in read_until(client, b"GET /x ")


def test_a_request_whose_head_comes_in_pieces_may_offer_too(
    connect: Callable[[], socket.socket],
) -> None:
    with connect() as client:
        for byte in POST + OFFER % b"h2c" + b"\r\nwhole":
            client.sendall(bytes([byte]))
        assert read_until(client, b"whole").startswith(b"HTTP/1.1 200")


@pytest.mark.parametrize(
    "beginning",
    [
        b"GET /x HTTP/1.1\r\nHost: a\r\n",
        CHUNKED + b"5\r\nwhole\r\n0\r\n",
        CHUNKED + b"5\r\nwhole\r\n5;",
    ],
    ids=["head", "trailer", "chunk"],
)
def test_what_never_becomes_anything_is_refused(
    connect: Callable[[], socket.socket], beginning: bytes
) -> None:
    with connect() as client:
        client.sendall(beginning)
        filler = b"a" * 400 if beginning.endswith(b";") else b"X-A: " + b"a" * 400 + b"\r\n"
        try:
            for _ in range(1000):
                client.sendall(filler)
            assert read_until(client, b"\0").startswith(b"HTTP/1.1 400")
        except (BrokenPipeError, ConnectionResetError):
            pass  # it hung up while we were still sending


def test_a_body_may_be_longer_than_what_may_be_incomplete(
    connect: Callable[[], socket.socket],
) -> None:
    with connect() as client:
        client.sendall(CHUNKED)
        for _ in range(50):
            client.sendall(b"190\r\n" + b"b" * 400 + b"\r\n")
        client.sendall(b"3\r\nend\r\n0\r\n\r\n")
        assert read_until(client, b"end").count(b"b") == 50 * 400


@pytest.mark.parametrize(
    "wrong",
    [
        b"\x16\x03\x01 tls\r\n\r\n",
        b"CONNECT a:1 HTTP/1.1\r\nHost: a\r\n\r\n",
        POST + b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        POST + b"Content-Length: 6\r\n\r\nwhole",
    ],
    ids=["tls", "connect", "two framings", "two lengths"],
)
def test_what_is_no_request_is_refused(connect: Callable[[], socket.socket], wrong: bytes) -> None:
    with connect() as client:
        client.sendall(wrong)
        assert read_until(client, b"\0").startswith(b"HTTP/1.1 400")
