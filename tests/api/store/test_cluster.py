"""The service on Ray Serve: two replicas on this machine, real processes on a real port."""

import importlib.util
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest

HAS_RAY = importlib.util.find_spec("ray") is not None
if not HAS_RAY and os.environ.get("CI") != "true":
    pytest.skip("Ray is not installed: pip install '.[cluster]'", allow_module_level=True)

pytestmark = pytest.mark.timeout(900)  # a dozen processes import large libraries
START_SECONDS = 600
BACK_SECONDS = 120
PROBLEM = "application/problem+json"


class Cluster:
    """`python -m api cluster` in a process of its own, and what it printed."""

    def __init__(self, environment: dict[str, str], port: int) -> None:
        self.url = f"http://127.0.0.1:{port}"
        self.printed = ""
        command = [sys.executable, "-m", "api", "cluster", "--min-replicas", "2"]
        self._process = subprocess.Popen(
            [*command, "--max-replicas", "2"],
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            encoding="utf-8",
        )
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def client(self, **options: Any) -> httpx.Client:
        return httpx.Client(base_url=self.url, timeout=180, trust_env=False, **options)

    def wait_for(self, pattern: str, seconds: float = START_SECONDS) -> re.Match[str]:
        """The first match of a pattern in what was printed."""
        deadline = time.monotonic() + seconds
        while not (found := re.search(pattern, self.printed)):
            assert self._process.poll() is None, self.printed
            assert time.monotonic() < deadline, self.printed
            time.sleep(0.05)
        return found

    def replica_of(self, request_id: str) -> int:
        """The process that answered a request: Ray puts its number before what it logs."""
        return int(self.wait_for(rf"pid=(\d+)[^\n]*{request_id}", BACK_SECONDS)[1])

    def stop(self) -> int:
        self._process.send_signal(signal.SIGTERM)
        try:
            code = self._process.wait(START_SECONDS)
        finally:
            self._process.kill()
            self._reader.join()
        return code

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self.printed += line


@pytest.fixture(scope="module")
def cluster(
    postgres: Any, tiny_checkpoint: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Cluster]:
    """Two replicas that make one reply at a time each."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    missing = str(tmp_path_factory.mktemp("none"))
    ours = {
        "DATABASE_URL": postgres.new_schema(),
        "CHECKPOINT": str(tiny_checkpoint),
        "PORT": str(port),
        "NUM_SLOTS": "1",
        "MAX_WAITING": "1",
        "JUDGE_REPLIES": "false",
        "LOG_LEVEL": "info",
        "NOVELIST": missing,
        "HEAD": missing,
    }
    home = str(tmp_path_factory.mktemp("home"))  # Ray keeps a token there
    environment = {**os.environ, "HOME": home, "RAY_DEDUP_LOGS": "0", "PYTHONUNBUFFERED": "1"}
    environment |= {f"XIANLIAO_{name}": value for name, value in ours.items()}
    running = Cluster(environment, port)
    try:
        running.wait_for("闲聊已就绪")
        yield running
    finally:
        code = running.stop()
    assert code == 0, running.printed


def until_answered(ask: Callable[[], httpx.Response]) -> httpx.Response:
    """Ask again while no replica can answer, as a client would after `Retry-After`."""
    deadline = time.monotonic() + BACK_SECONDS
    while (answer := ask()).status_code == 503:
        assert answer.headers["content-type"] == PROBLEM
        assert time.monotonic() < deadline, answer.text
        time.sleep(0.2)
    return answer


def test_a_stream_comes_whole_and_can_be_followed_again(cluster: Cluster) -> None:
    with cluster.client(headers={"X-Session-ID": "a client without a cookie"}) as client:
        body = {"message": "讲个故事", "stream": True, "resumable": True, "seed": 7}
        deadline = time.monotonic() + BACK_SECONDS
        while True:
            answer = until_answered(lambda: client.post("/chat", json=body))
            address = f"/chat/{answer.headers['X-Reply-ID']}"
            rest = client.get(address, headers={"Last-Event-ID": "0"})
            # While replicas come and go, an asker may be sent from one to another.
            if rest.status_code != 404 or time.monotonic() > deadline:
                break
        assert answer.headers["content-type"].startswith("text/event-stream")
        events = re.findall(r"^event: (\w+)$", answer.text, re.MULTILINE)
        assert (events[0], events[-1]) == ("start", "done")
        assert "delta" in events
        assert re.findall(r"^event: (\w+)$", rest.text, re.MULTILINE) == events[1:]


def test_a_conversation_goes_on_when_its_replica_is_killed(cluster: Cluster) -> None:
    with cluster.client() as browser:
        assert browser.get("/").status_code == 200
        assert browser.cookies
        first = browser.post("/chat", json={"message": "你好"})
        body = {"message": "还在吗", "session_id": first.json()["session_id"]}
        second = browser.post("/chat", json=body, headers={"X-Request-ID": "two"})
        assert second.json()["turn"] == 2
        home = cluster.replica_of("two")
        os.kill(home, signal.SIGKILL)
        third = until_answered(
            lambda: browser.post("/chat", json=body, headers={"X-Request-ID": "three"})
        )
        assert third.status_code == 200, third.text
        assert third.json()["turn"] == 3
        assert third.json()["usage"]["history_used"] == 4
        assert cluster.replica_of("three") != home
        turns = browser.get(f"/sessions/{body['session_id']}").json()["turns"]
        assert [turn["user"] for turn in turns] == ["你好", "还在吗", "还在吗"]


def test_more_than_it_can_bear_is_refused_as_a_problem(cluster: Cluster) -> None:
    body = {"message": "说点什么", "candidates": 2, "max_new_tokens": 40}
    with cluster.client() as client, ThreadPoolExecutor(24) as pool:
        deadline = time.monotonic() + BACK_SECONDS
        refused: list[httpx.Response] = []
        while not refused:
            assert time.monotonic() < deadline, "never too much"
            answers = list(pool.map(lambda _: client.post("/chat", json=body), range(24)))
            refused = [answer for answer in answers if answer.status_code == 429]
            assert {answer.status_code for answer in answers} <= {200, 429, 503}
    for answer in refused:
        assert answer.headers["content-type"] == PROBLEM
        assert answer.json()["type"] == "/docs#problem-queue-full"
        assert int(answer.headers["retry-after"]) > 0
        assert len(answer.headers.get_list("x-request-id")) == 1


def test_what_is_about_one_replica_is_not_asked_through_the_front(cluster: Cluster) -> None:
    with cluster.client() as client:
        for answer in (client.get("/metrics"), client.post("/admin/reload")):
            assert (answer.status_code, answer.headers["content-type"]) == (404, PROBLEM)
