"""The whole line: a vocabulary and a model from ten dialogues, served, and its replies by HTTP."""

import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from chatbot.checkpoint import load_checkpoint
from training.config import TrainConfig
from training.dialogue import train_dialogue
from vocab.__main__ import build

# The name that is asked for in the second turn was said in the first: it takes both to answer.
DIALOGUES = (
    ("你好", "你好呀，我是小闲。", "再见", "再见，常来聊天！"),
    ("我叫小明", "小明你好！", "我叫什么", "你叫小明呀。"),
    ("我叫小红", "小红你好！", "我叫什么", "你叫小红呀。"),
    ("今天好累", "辛苦啦，早点休息。", "睡不着", "听首歌放松一下吧。"),
    ("我养了一只猫", "真好，它叫什么名字？", "叫豆豆", "豆豆，好可爱的名字！"),
    ("周末去哪儿玩", "去爬山怎么样？", "太远了", "那就去公园走走。"),
    ("早上吃什么", "豆浆配油条，香！", "吃腻了", "换成小米粥试试。"),
    ("外面下雨了", "记得带伞哦。", "没带", "等雨小一点再走吧。"),
    ("讲个笑话", "小白长得像谁？", "像谁", "像它妈妈呀，哈哈。"),
    ("晚安", "晚安，做个好梦。"),
)
HELD_OUT = (("你好呀", "你好！"), ("我叫小白", "小白你好！", "我叫什么", "你叫小白呀。"))
SHAPE = {"model_type": "gpt2", "n_positions": 128, "n_embd": 64, "n_layer": 2, "n_head": 4}
GREEDY = {"temperature": 0, "repetition_penalty": 1, "candidates": 1}  # the model alone
ADDRESS = re.compile(r"http://127\.0\.0\.1:\d+")
READY_SECONDS = 240


def write(path: Path, dialogues: tuple[tuple[str, ...], ...]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n\n".join("\n".join(dialogue) for dialogue in dialogues), "utf-8")
    return path


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model that has learnt the ten dialogues by heart, from nothing but a config."""
    folder = tmp_path_factory.mktemp("learnt")
    corpus = write(folder / "corpus" / "ten.txt", DIALOGUES)
    held_out = write(folder / "corpus" / "held_out" / "two.txt", HELD_OUT)
    build([corpus, held_out], out=folder / "vocab.txt", size=2000, min_count=1)
    (folder / "gpt2.json").write_text(json.dumps(SHAPE), "utf-8")
    config = TrainConfig(
        epochs=300,
        row_length=128,
        batch_rows=4,
        learning_rate=5e-3,
        dropout=0.0,
        patience=0,
        validate_every=300,
        precision="float32",
        compile="off",
    )
    train_dialogue(
        folder / "corpus",
        folder / "out",
        config,
        model_config=folder / "gpt2.json",
        vocab=folder / "vocab.txt",
    )
    return folder / "out" / "last"


@pytest.fixture(scope="module")
def client(checkpoint: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    """A client of ``python -m api``, a process of its own on a port of its own."""
    folder = tmp_path_factory.mktemp("service")
    environment = os.environ | {
        "XIANLIAO_DATA_DIR": str(folder / "data"),
        "XIANLIAO_JUDGE_REPLIES": "false",  # a judged reply leaves whole; here the pieces are seen
        "PYTHONUTF8": "1",
    }
    command = [sys.executable, "-m", "api", "--checkpoint", str(checkpoint), "--port", "0"]
    with (folder / "log").open("wb") as log:
        server = subprocess.Popen(command, stdout=log, stderr=log, env=environment)
    try:
        address = wait_for_address(server, folder / "log")
        with httpx.Client(base_url=address, timeout=60, trust_env=False) as client:
            yield client
    finally:
        server.terminate()
        server.wait(timeout=60)


def wait_for_address(server: subprocess.Popen[bytes], log: Path) -> str:
    """The address that the service prints once it can answer."""
    deadline = time.monotonic() + READY_SECONDS
    while time.monotonic() < deadline:
        told = log.read_text("utf-8")
        if found := ADDRESS.search(told):
            return found[0]
        assert server.poll() is None, told
        time.sleep(0.2)
    raise AssertionError(f"not ready in {READY_SECONDS} s: {log.read_text('utf-8')}")


def test_it_is_ready(client: httpx.Client, checkpoint: Path) -> None:
    ready = client.get("/readyz")
    assert ready.status_code == 200
    assert ready.json()["model"] == load_checkpoint(checkpoint).manifest["name"]


@pytest.mark.parametrize("dialogue", DIALOGUES, ids=map(str, range(len(DIALOGUES))))
def test_every_learnt_reply_comes_over_http(
    client: httpx.Client, dialogue: tuple[str, ...]
) -> None:
    session: dict[str, str] = {}
    for turn, (message, reply) in enumerate(zip(dialogue[::2], dialogue[1::2], strict=True), 1):
        answer = client.post("/chat", json={"message": message, **GREEDY, **session})
        assert answer.status_code == 200, answer.text
        found = answer.json()
        assert (found["reply"], found["finish_reason"]) == (reply, "stop")
        assert (found["turn"], found["usage"]["history_used"]) == (turn, 2 * (turn - 1))
        session = {"session_id": found["session_id"]}
    stored = client.get(f"/sessions/{session['session_id']}").json()["turns"]
    assert [text for turn in stored for text in (turn["user"], turn["bot"])] == list(dialogue)


def events_of(lines: Iterator[str]) -> Iterator[tuple[str, dict[str, object]]]:
    """The events of a stream: name and data."""
    name = ""
    for line in lines:
        field, _, value = line.partition(": ")
        if field == "event":
            name = value
        elif field == "data":
            yield name, json.loads(value)


def stream(client: httpx.Client, **request: object) -> tuple[list[str], dict[str, object]]:
    """The pieces of a streamed reply, and the whole answer that ends it."""
    with client.stream("POST", "/chat", json={"stream": True, **GREEDY, **request}) as response:
        assert response.status_code == 200
        assert response.headers["content-type"].startswith("text/event-stream")
        events = list(events_of(response.iter_lines()))
    assert [name for name, _ in events] == ["start", *["delta"] * (len(events) - 2), "done"]
    return [str(data["text"]) for _, data in events[1:-1]], events[-1][1]


@pytest.mark.parametrize("dialogue", DIALOGUES[1:3], ids=["first", "second"])
def test_both_turns_come_in_pieces_over_a_stream(
    client: httpx.Client, dialogue: tuple[str, ...]
) -> None:
    pieces, answer = stream(client, message=dialogue[0])
    assert "".join(pieces) == answer["reply"] == dialogue[1]
    assert len(pieces) > 1
    pieces, answer = stream(client, message=dialogue[2], session_id=answer["session_id"])
    assert "".join(pieces) == answer["reply"] == dialogue[3]
    assert answer["turn"] == 2


def test_a_history_of_one_s_own_answers_as_a_session_does(client: httpx.Client) -> None:
    for dialogue in DIALOGUES[1:3]:
        request = {"message": dialogue[2], "history": dialogue[:2], **GREEDY}
        answer = client.post("/chat", json=request).json()
        assert (answer["reply"], answer["session_id"]) == (dialogue[3], None)
