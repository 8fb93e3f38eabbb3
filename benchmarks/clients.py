"""Clients of a running service that cost next to nothing themselves."""

import asyncio
import json
import random
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from benchmarks.errors import BenchmarkError

_HEAD = "POST {path} HTTP/1.1\r\nHost: {host}\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\r\n"
_LONGEST_WAIT = 5.0  # seconds that a refused client waits at most, whatever it was told


@dataclass(frozen=True)
class Response:
    """What came back: the status, the headers in lower case, and the JSON."""

    status: int
    headers: Mapping[str, str]
    body: Any


class Connection:
    """One connection of HTTP/1.1 that stays open from request to request."""

    def __init__(self, host: str, port: int) -> None:
        self._host, self._port = host, port
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def post(self, path: str, body: Mapping[str, Any]) -> Response:
        """Send JSON and read the whole answer.

        Raises:
            OSError, asyncio.IncompleteReadError: the answer did not come whole.
        """
        if self._streams is None:
            self._streams = await asyncio.open_connection(self._host, self._port)
        reader, writer = self._streams
        content = json.dumps(body).encode()
        head = _HEAD.format(path=path, host=self._host, length=len(content))
        writer.write(head.encode() + content)
        try:
            lines = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
            pairs = (line.split(": ", 1) for line in lines[1:] if line)
            headers = {name.lower(): value for name, value in pairs}
            text = await reader.readexactly(int(headers["content-length"]))
        except BaseException:
            self.close()
            raise
        if headers.get("connection", "").lower() == "close":
            self.close()
        return Response(int(lines[0].split()[1]), headers, json.loads(text))

    def close(self) -> None:
        """Hang up."""
        if self._streams is not None:
            self._streams[1].close()
            self._streams = None


@dataclass
class Tally:
    """What many clients met together.

    Attributes:
        statuses: answers by status; 0: none came, or not whole.
        crossed: replies that were not the one to the client's own message.
        seconds: how long each whole reply took.
        num_tokens: that were written.
    """

    statuses: Counter[int] = field(default_factory=Counter)
    crossed: int = 0
    seconds: list[float] = field(default_factory=list)
    num_tokens: int = 0


async def crowd(
    host: str,
    port: int,
    bodies: Sequence[Mapping[str, Any]],
    replies: Sequence[str],
    *,
    num_clients: int,
    seconds: float,
) -> Tally:
    """Let clients ask again and again; each asks one thing, whose one right reply is known."""
    tally = Tally()
    end = time.monotonic() + seconds

    async def client(number: int) -> None:
        connection = Connection(host, port)
        place = number % len(bodies)
        while time.monotonic() < end:
            began = time.monotonic()
            try:
                response = await connection.post("/chat", bodies[place])
            except (OSError, asyncio.IncompleteReadError):
                tally.statuses[0] += 1
                continue
            tally.statuses[response.status] += 1
            if response.status == 200:
                tally.seconds.append(time.monotonic() - began)
                tally.crossed += response.body["reply"] != replies[place]
                tally.num_tokens += response.body["usage"]["completion_tokens"]
            else:
                told = float(response.headers.get("retry-after", 1))
                await asyncio.sleep(random.uniform(0.5, 1) * min(told, _LONGEST_WAIT))
        connection.close()

    await asyncio.gather(*(client(number) for number in range(num_clients)))
    if not tally.statuses:
        raise BenchmarkError("没有一个请求得到回答；服务没有起来")
    return tally
