"""`python -m api` as an operator stops it and changes its model: by signals."""

import os
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

import api

ROOT = Path(api.__file__).parents[1]
SECONDS = 120


class Process:
    """A service in a process of its own."""

    def __init__(self, folder: Path, checkpoint: Path, **environment: str) -> None:
        inherited = {key: value for key, value in os.environ.items() if "XIANLIAO" not in key}
        inherited |= {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
        self.process = subprocess.Popen(
            [sys.executable, "-m", "api", "--checkpoint", str(checkpoint), "--port", "0"],
            cwd=folder,
            env=inherited | {f"XIANLIAO_{name}": value for name, value in environment.items()},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            encoding="utf-8",
        )
        assert self.process.stdout is not None
        lines = [self.process.stdout.readline() for _ in range(2)]
        assert len(lines[1].split()) > 1, self.process.communicate()
        self.url = lines[1].split()[1]

    def signal(self, number: signal.Signals) -> None:
        self.process.send_signal(number)

    def end(self) -> tuple[int, str]:
        _, errors = self.process.communicate(timeout=SECONDS)
        return self.process.returncode, errors


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, tiny_checkpoint: Path) -> Path:
    """A checkpoint folder that the tests may change."""
    return Path(shutil.copytree(tiny_checkpoint, tmp_path_factory.mktemp("service") / "model"))


@pytest.fixture(scope="module")
def service(folder: Path) -> Iterator[Process]:
    """A service over that folder; the last test here ends it."""
    process = Process(
        folder.parent, folder, LOG_LEVEL="info", LOG_FORMAT="json", DRAIN_SECONDS="120"
    )
    try:
        yield process
    finally:
        process.process.kill()
        process.process.communicate()


def until_log(process: Process, words: str) -> None:
    assert process.process.stderr is not None
    for line in process.process.stderr:
        if words in line:
            return
    pytest.fail(f"the log ended without {words}")


def test_sighup_changes_the_model_or_leaves_it(service: Process, folder: Path) -> None:
    weights = folder / "model.safetensors"
    content = weights.read_bytes()
    weights.write_bytes(content[:-1])
    service.signal(signal.SIGHUP)
    until_log(service, "模型没有换")
    assert httpx.get(f"{service.url}/readyz").status_code == 200
    weights.write_bytes(content)
    service.signal(signal.SIGHUP)
    until_log(service, "换上了新模型")
    answer = httpx.post(f"{service.url}/chat", json={"message": "你好"}, timeout=SECONDS)
    assert answer.status_code == 200


def test_sigterm_lets_replies_end_and_refuses_new_ones_meanwhile(service: Process) -> None:
    body = {"message": "你好", "max_new_tokens": 64, "candidates": 8, "temperature": 1.5}
    refused: list[int] = []
    with httpx.Client(base_url=service.url, timeout=SECONDS) as client:
        statuses: list[int] = []

        def ask() -> None:
            statuses.append(
                httpx.post(f"{service.url}/chat", json=body, timeout=SECONDS).status_code
            )

        asking = [threading.Thread(target=ask) for _ in range(6)]
        for thread in asking:
            thread.start()
        while "num_requests_running 6.0" not in client.get("/metrics").text:
            assert any(thread.is_alive() for thread in asking)
        service.signal(signal.SIGTERM)
        while not refused and any(thread.is_alive() for thread in asking):
            if client.get("/readyz").status_code == 503:
                refused.append(client.post("/chat", json=body).status_code)
        for thread in asking:
            thread.join(SECONDS)
    assert statuses == [200] * 6
    assert refused == [503]
    assert service.end()[0] in {0, -signal.SIGTERM}
