"""kill -9 at any moment: no acknowledged turn is lost, none is there by half."""

import os
import resource
import signal
import sqlite3
import subprocess
import sys
import threading
from collections import Counter, defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path

import httpx

import api

ROOT = Path(api.__file__).parents[1]
ENVIRONMENT = {key: value for key, value in os.environ.items() if "XIANLIAO" not in key} | {
    "PYTHONPATH": str(ROOT),
    "PYTHONUTF8": "1",
    "OMP_NUM_THREADS": "1",
}

# Writes turns as fast as it can, four sessions at once; says which are stored.
WRITER = """
import asyncio, sys
from datetime import UTC, datetime
from api.store.database import Database
from api.store.sessions import SessionStore
from api.store.tables import TurnRow

async def talk(store, name):
    for index in range(1, 100_000):
        text = f"{name}:{index}:" + "长" * (index * 7 % 900)
        row = TurnRow(session_id=name, index=index, user=text, bot=text, finish_reason="stop",
                      model="tiny", seed=index, created_at=datetime.now(UTC))
        await store.append(row)
        print(name, index, flush=True)

async def main():
    store = SessionStore(await Database.open(sys.argv[1]), 1000)
    await asyncio.gather(*(talk(store, f"{sys.argv[2]}-{number}") for number in range(4)))

asyncio.run(main())
"""


def stored_turns(path: Path) -> dict[str, list[tuple[str, str]]]:
    """Session -> its turns; every session must be whole, and count its turns rightly."""
    turns: dict[str, list[tuple[str, str]]] = defaultdict(list)
    with sqlite3.connect(path) as database:
        assert database.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        assert database.execute("PRAGMA foreign_key_check").fetchall() == []
        rows = database.execute(
            'SELECT session_id, "index", "user", bot FROM turns ORDER BY session_id, "index"'
        )
        for session_id, index, user, bot in rows:
            turns[session_id].append((user, bot))
            assert len(turns[session_id]) == index, "a turn is missing"
        versions = dict(database.execute("SELECT id, version FROM sessions").fetchall())
    assert versions == {session_id: len(found) for session_id, found in turns.items()}
    return turns


def test_a_writer_that_is_killed_has_lost_nothing_it_acknowledged(tmp_path: Path) -> None:
    path = tmp_path / "sessions.db"
    acknowledged: Counter[str] = Counter()
    for life, num_turns in enumerate((1, 10, 23, 57, 120)):
        command = [sys.executable, "-c", WRITER, f"sqlite:///{path}", f"life{life}"]
        writer = subprocess.Popen(command, env=ENVIRONMENT, stdout=subprocess.PIPE, text=True)
        assert writer.stdout is not None
        lines = [writer.stdout.readline() for _ in range(num_turns)]
        writer.kill()
        lines += writer.communicate()[0].splitlines()
        for line in lines:
            if len(words := line.split()) == 2:  # the last line may be torn; it was not read
                acknowledged[words[0]] = max(acknowledged[words[0]], int(words[1]))
        found = stored_turns(path)
        for name, index in acknowledged.items():
            assert len(found[name]) >= index
            for place, (user, bot) in enumerate(found[name], 1):
                assert user == bot == f"{name}:{place}:" + "长" * (place * 7 % 900)


@contextmanager
def service(folder: Path, checkpoint: Path) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """``python -m api`` on a port of its own, and its address."""
    process = subprocess.Popen(
        [sys.executable, "-m", "api", "--checkpoint", str(checkpoint), "--port", "0"],
        cwd=folder,
        env=ENVIRONMENT | {"XIANLIAO_JUDGE_REPLIES": "0"},
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    try:
        assert process.stdout is not None
        told = next(line for line in process.stdout if "http://" in line)
        yield process, next(word for word in told.split() if word.startswith("http://"))
    finally:
        process.kill()
        process.communicate()


def chat(url: str, message: str, session_id: str | None = None) -> httpx.Response:
    body = {"message": message, "session_id": session_id, "max_new_tokens": 2, "candidates": 1}
    return httpx.post(f"{url}/chat", json=body, timeout=60, trust_env=False)


def test_a_service_on_a_full_disk_says_so_and_is_killed_without_loss(
    tmp_path: Path, tiny_checkpoint: Path
) -> None:
    path = tmp_path / "data" / "xianliao.db"
    with service(tmp_path, tiny_checkpoint) as (process, url):
        session_id = chat(url, "你好").json()["session_id"]
        _with_a_full_disk(process, path, url, session_id)
        assert chat(url, "又有地方了", session_id).json()["turn"] == 2
        answers = _talk_until_killed(process, url)
    assert len(answers) >= 40
    found = stored_turns(path)
    for name, turn, message, reply in answers:
        assert found[name][turn - 1] == (message, reply)
    with service(tmp_path, tiny_checkpoint) as (_, url):
        assert chat(url, "还记得吗", session_id).json()["turn"] == 3


def _with_a_full_disk(
    process: subprocess.Popen[str], path: Path, url: str, session_id: str
) -> None:
    """No file of the service may grow: what SQLite meets is what a full disk gives it."""
    size = path.with_name(f"{path.name}-wal").stat().st_size
    _, most = resource.prlimit(process.pid, resource.RLIMIT_FSIZE)
    resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (size, most))
    try:
        for name in (session_id, None):
            refused = chat(url, "存不下", name)
            assert refused.status_code == 503, refused.text
            assert refused.json()["type"] == "/docs#problem-store-unavailable"
        turns = httpx.get(f"{url}/sessions/{session_id}", trust_env=False).json()["turns"]
        assert [turn["user"] for turn in turns] == ["你好"]
    finally:
        resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (most, most))


def _talk_until_killed(process: subprocess.Popen[str], url: str) -> list[tuple[str, int, str, str]]:
    """What eight clients were answered until the service was killed in the middle of it."""
    answers: list[tuple[str, int, str, str]] = []
    enough = threading.Event()

    def talk(client: int) -> None:
        session_id = None
        for number in count(1):
            try:
                answer = chat(url, message := f"{client}的第{number}句", session_id).json()
            except httpx.TransportError:
                return
            session_id = answer["session_id"]
            answers.append((session_id, answer["turn"], message, answer["reply"]))
            if len(answers) >= 40:
                enough.set()

    clients = [threading.Thread(target=talk, args=(client,)) for client in range(8)]
    for client in clients:
        client.start()
    assert enough.wait(120)
    process.send_signal(signal.SIGKILL)
    for client in clients:
        client.join()
    return answers
