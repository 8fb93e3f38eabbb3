"""A compose project of our own, and a client of what it serves."""

import http.client
import json
import os
import socket
import subprocess
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
WAIT_SECONDS = 300


class Failed(Exception):
    """A check that did not hold; its text says what was found instead."""


def require(holds: bool, found: object) -> None:
    """Raises: Failed: unless it holds."""
    if not holds:
        raise Failed(str(found))


@dataclass
class Answer:
    """What a client got; status 0: the connection broke."""

    status: int
    headers: dict[str, str]
    text: str

    @property
    def json(self) -> Any:
        """The body as JSON."""
        return json.loads(self.text)


@dataclass
class Stack:
    """One way of running it: a compose project of its own, reached at `port`."""

    project: str
    service: str  # to start; what it depends on comes along
    port: int = 0
    headers: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        with socket.create_server(("127.0.0.1", 0)) as probe:
            self.port = probe.getsockname()[1]

    def compose(self, *arguments: str) -> str:
        """Run `docker compose`; returns what it printed."""
        place = f"127.0.0.1:{self.port}"
        environment = {**os.environ, "PORT": place, "CLUSTER_PORT": place}
        command = ["docker", "compose", "-p", self.project, "--profile", "cluster", *arguments]
        return run(command, environment)

    def up(self) -> str:
        """Start it and wait until every part says that it is healthy."""
        began = time.monotonic()
        self.compose("up", "-d", "--wait", "--wait-timeout", str(WAIT_SECONDS), self.service)
        return f"{time.monotonic() - began:.0f} 秒后全部就绪"

    def down(self) -> str:
        """Remove it with its volumes."""
        self.compose("down", "-v", "--remove-orphans")
        return "好了"

    def ask(self, method: str, path: str, body: Any = None, **headers: str) -> Answer:
        """One request over a connection of its own."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=90)
        try:
            sent = {**self.headers, **headers, "Content-Type": "application/json"}
            connection.request(method, path, None if body is None else json.dumps(body), sent)
            answer = connection.getresponse()
            text = answer.read().decode()
            return Answer(answer.status, {k.lower(): v for k, v in answer.getheaders()}, text)
        except (OSError, http.client.HTTPException) as error:
            return Answer(0, {}, str(error))
        finally:
            connection.close()

    def chat(self, message: str, session_id: str | None = None, **more: Any) -> Answer:
        """Say something; asks again while the service says that it cannot answer just now."""
        deadline = time.monotonic() + WAIT_SECONDS
        while True:
            answer = self.ask(
                "POST", "/chat", {"message": message, "session_id": session_id, **more}
            )
            if answer.status not in {0, 503} or time.monotonic() > deadline:
                require(answer.status == 200, (answer.status, answer.text))
                return answer
            time.sleep(0.2)

    def turns(self, session_id: str) -> list[dict[str, Any]]:
        """The stored turns of a session."""
        answer = self.ask("GET", f"/sessions/{session_id}")
        require(answer.status == 200, (answer.status, answer.text))
        found: list[dict[str, Any]] = answer.json["turns"]
        return found

    def replicas(self) -> list[str]:
        """The containers of the service that run."""
        return self.compose("ps", "-q", "--status", "running", "replica").split()


def run(command: list[str], environment: dict[str, str] | None = None) -> str:
    """Run a program; raises `Failed` with its last words when it fails."""
    done = subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, encoding="utf-8", check=False
    )
    if done.returncode:
        raise Failed(f"{' '.join(command)}：{done.stderr.strip()[-600:]}")
    return done.stdout
