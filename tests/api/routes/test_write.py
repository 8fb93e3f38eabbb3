"""POST /write: a tiny novelist for what is said, a scripted one for what happens meanwhile."""

import json
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi.testclient import TestClient

from api.settings import Settings
from chatbot.novelist import Novelist
from chatbot.writing import WRITING_RANGES, WritingParams

SOON = 8.0


def becomes(condition: Callable[[], bool]) -> bool:
    deadline = time.monotonic() + SOON
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.01)
    return True


def events(text: str) -> list[tuple[str, dict[str, Any]]]:
    frames = []
    for block in text.removesuffix("\n\n").split("\n\n"):
        event, data = block.split("\n")
        frames.append((event.removeprefix("event: "), json.loads(data.removeprefix("data: "))))
    return frames


@pytest.fixture
def settings(settings: Settings, tiny_novelist: Path) -> Settings:
    """Two writings at once, by the tiny novelist."""
    return settings.model_copy(update={"novelist": tiny_novelist, "max_writings": 2})


@pytest.fixture
def client(client: TestClient) -> TestClient:
    """A client of a service whose novelist is there."""
    service = client.app.state.service  # type: ignore[attr-defined]
    assert becomes(lambda: service.desk.defaults is not None)
    return client


@dataclass
class ScriptedNovelist:
    """Writes `text` as slowly as the test wants, or fails after it; knows who still writes."""

    text: str = "江上起了雾。"
    pause: float = 0.0
    failure: Exception | None = None
    name: str = "scripted"
    defaults: WritingParams = field(default_factory=WritingParams)
    num_written: int = 0
    threads: set[str] = field(default_factory=set)

    def write(self, _prompt: str, _params: WritingParams) -> Iterator[str]:
        for character in self.text:
            time.sleep(self.pause)
            self.num_written += 1
            self.threads.add(threading.current_thread().name)
            yield character
        if self.failure is not None:
            raise self.failure


@pytest.fixture
def scripted(monkeypatch: pytest.MonkeyPatch) -> ScriptedNovelist:
    """The novelist of services that start after it."""
    novelist = ScriptedNovelist()
    monkeypatch.setattr("api.desk.Novelist.from_folder", lambda _: novelist)
    return novelist


def write(client: TestClient, **body: Any) -> dict[str, Any]:
    response = client.post("/write", json=body)
    assert response.status_code == 200, response.text
    answer: dict[str, Any] = response.json()
    return answer


def test_an_answer_is_what_the_novelist_writes(client: TestClient, tiny_novelist: Path) -> None:
    answer = write(client, prompt="江上起了雾", max_new_chars=20, temperature=0.9, seed=7)
    params = WritingParams(max_new_chars=20, temperature=0.9, seed=7)
    text = "".join(Novelist.from_folder(tiny_novelist).write("江上起了雾", params))
    assert answer == {
        "text": text,
        "finish_reason": "length",
        "usage": {"prompt_chars": 5, "new_chars": 20},
        "model": "tiny",
        "seed": 7,
    }


def test_everything_may_be_left_out(client: TestClient) -> None:
    answer = write(client)
    assert answer["text"].startswith("第")
    assert answer["usage"] == {"prompt_chars": 0, "new_chars": WritingParams().max_new_chars}
    assert write(client, seed=answer["seed"])["text"] == answer["text"]
    assert write(client)["text"] != answer["text"]


def test_a_stream_sends_characters_and_then_the_whole_answer(client: TestClient) -> None:
    body = {"prompt": "江上", "max_new_chars": 20, "seed": 7}
    response = client.post("/write", json={**body, "stream": True})
    assert response.status_code == 200
    assert response.headers["content-type"] == "text/event-stream; charset=utf-8"
    assert response.headers["cache-control"] == "no-store"
    assert response.headers["x-accel-buffering"] == "no"
    assert "\\u" not in response.text.replace("\\u3000", "")
    frames = events(response.text)
    whole = write(client, **body)
    names = [name for name, _ in frames]
    assert names == ["delta"] * (len(names) - 1) + ["done"]
    assert len(names) > 10, "the guard holds back a character or two, not more"
    assert "".join(data["text"] for _, data in frames[:-1]) == whole["text"]
    assert frames[-1][1] == whole


@pytest.mark.parametrize("stream", [False, True])
def test_unknown_characters_are_named_at_their_field(client: TestClient, stream: bool) -> None:
    response = client.post("/write", json={"prompt": "江龘A龘", "stream": stream})
    assert response.status_code == 422
    assert response.headers["content-type"] == "application/problem+json"
    (error,) = response.json()["errors"]
    assert (error["pointer"], error["code"]) == ("#/prompt", "unknown_characters")
    assert "不认得这些字：龘 A；" in error["detail"]


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"prompt": "江" * 2001}, "#/prompt"),
        ({"prompt": 1}, "#/prompt"),
        ({"max_new_chars": 0}, "#/max_new_chars"),
        ({"max_new_chars": 2001}, "#/max_new_chars"),
        ({"temperature": 2.1}, "#/temperature"),
        ({"top_k": "8"}, "#/top_k"),
        ({"top_p": 0}, "#/top_p"),
        ({"seed": -1}, "#/seed"),
        ({"message": "江"}, "#/message"),
    ],
)
def test_a_wrong_field_is_pointed_at(
    client: TestClient, body: dict[str, Any], pointer: str
) -> None:
    response = client.post("/write", json=body)
    assert response.status_code == 422
    assert [error["pointer"] for error in response.json()["errors"]] == [pointer]


def test_a_field_that_does_not_exist_is_answered_with_those_of_this_route(
    client: TestClient,
) -> None:
    detail = client.post("/write", json={"message": "江"}).json()["detail"]
    assert "可用的有 prompt、stream、max_new_chars、" in detail
    assert "prompt" not in client.post("/chat", json={"message": "a", "b": 1}).json()["detail"]


def test_without_a_novelist_the_rest_of_the_service_works(
    make_client: Callable[..., TestClient], settings: Settings, bot: Any, tmp_path: Path
) -> None:
    client = make_client(settings.model_copy(update={"novelist": tmp_path / "no"}), lambda _: bot)
    assert client.post("/chat", json={"message": "你好"}).status_code == 200
    assert becomes(lambda: "retry-after" not in client.post("/write", json={}).headers)
    for stream in (False, True):
        response = client.post("/write", json={"stream": stream})
        assert response.status_code == 503
        assert "XIANLIAO_NOVELIST" in response.json()["detail"]
        assert str(tmp_path) not in response.text
    assert client.get("/docs").status_code == 200


def test_a_blocked_phrase_never_leaves(scripted: ScriptedNovelist, client: TestClient) -> None:
    scripted.text = "他道：你这个傻逼，滚开。江上起了雾。"
    answer = write(client)
    assert answer["finish_reason"] == "filtered"
    assert answer["text"] == "他道：你这个"
    assert answer["usage"]["new_chars"] < len(scripted.text)
    frames = events(client.post("/write", json={"stream": True}).text)
    assert "".join(data["text"] for name, data in frames if name == "delta") == answer["text"]
    assert frames[-1][1]["finish_reason"] == "filtered"


@pytest.mark.parametrize("stream", [False, True])
def test_a_failure_in_mid_text_is_a_problem_without_internals(
    scripted: ScriptedNovelist, client: TestClient, stream: bool
) -> None:
    scripted.failure = KeyError("internals")
    response = client.post("/write", json={"stream": stream})
    assert "internals" not in response.text
    if stream:
        name, problem = events(response.text)[-1]
        assert (response.status_code, name, problem["status"]) == (200, "error", 500)
    else:
        assert response.status_code == 500
    scripted.failure = None
    assert write(client)["text"] == scripted.text


@pytest.mark.parametrize("stream", [False, True])
def test_only_so_many_write_at_once(
    scripted: ScriptedNovelist, client: TestClient, stream: bool
) -> None:
    scripted.text, scripted.pause = "江" * 40, 0.05
    with ThreadPoolExecutor(3) as pool:
        writing = [pool.submit(write, client) for _ in range(2)]
        assert becomes(lambda: scripted.num_written >= 4)
        refused = client.post("/write", json={"stream": stream})
        assert refused.status_code == 429
        assert int(refused.headers["retry-after"]) >= 1
        assert "2 篇" in refused.json()["detail"]
        assert client.post("/chat", json={"message": "你好"}).status_code == 200
        for job in writing:
            assert job.result()["text"] == scripted.text
    assert write(client)["finish_reason"] == "length"
    assert all(name.startswith("writing") for name in scripted.threads)


@pytest.mark.parametrize("stream", [False, True])
def test_a_client_that_leaves_stops_the_writing_and_frees_its_place(
    scripted: ScriptedNovelist, serve_live: Callable[..., Any], bot: Any, stream: bool
) -> None:
    scripted.text, scripted.pause = "江" * 2000, 0.05
    live = serve_live(lambda _: bot)
    desk = live.app.state.service.desk
    assert becomes(lambda: desk.defaults is not None)
    body = json.dumps({"stream": stream}).encode()
    head = f"POST /write HTTP/1.1\r\nHost: t\r\nContent-Length: {len(body)}\r\n"
    with live.connect() as connection:
        connection.sendall(f"{head}Content-Type: application/json\r\n\r\n".encode() + body)
        assert becomes(lambda: scripted.num_written >= 3)
    assert becomes(lambda: desk._num_open == 0)
    written = scripted.num_written
    time.sleep(10 * scripted.pause)
    assert scripted.num_written <= written + 1, "it writes on for nobody"
    scripted.text = "江上"
    assert httpx.post(f"{live.url}/write", json={}, timeout=SOON).json()["text"] == "江上"


def test_a_stream_flows_and_the_loop_answers_others_meanwhile(
    scripted: ScriptedNovelist, serve_live: Callable[..., Any], bot: Any
) -> None:
    scripted.text, scripted.pause = "江上起了雾。" * 4, 0.05
    live = serve_live(lambda _: bot)
    assert becomes(lambda: live.app.state.service.desk.defaults is not None)
    arrivals = []
    with httpx.stream("POST", f"{live.url}/write", json={"stream": True}, timeout=20) as response:
        for line in response.iter_lines():
            if line.startswith("data: "):
                arrivals.append(time.monotonic())
                assert httpx.get(f"{live.url}/healthz").status_code == 200
    assert len(arrivals) > 15
    assert arrivals[-1] - arrivals[0] > 10 * scripted.pause


def test_the_reference_shows_its_fields_with_the_novelist_s_own_defaults(
    client: TestClient,
) -> None:
    page = client.get("/docs").text
    section = page[page.index('<section id="post-write">') :]
    section = section[: section.index("</section>")]
    defaults = WritingParams()
    for name in WRITING_RANGES:
        row = section[section.index(f"<code>{name}</code>") :]
        default = getattr(defaults, name)
        shown = "<td></td>" if default is None else f"<td>{default}（随模型）</td>"
        assert shown in row[: row.index("</tr>")]
    assert "curl -N http" in section
    assert "0–2000 个字符" in section
