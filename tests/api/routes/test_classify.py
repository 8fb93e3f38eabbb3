"""/classify: a tiny head for what is said, a scripted one for what happens meanwhile."""

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi.testclient import TestClient

from api.problems import ProblemError
from api.settings import Settings
from chatbot.classifier import Prediction, load_classifier

SOON = 8.0


def becomes(condition: Callable[[], bool]) -> bool:
    deadline = time.monotonic() + SOON
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.01)
    return True


@dataclass
class ScriptedClassifier:
    """Finds every text good, once the test opens the gate, or fails."""

    name: str = "scripted"
    labels: tuple[str, ...] = ("好", "坏")
    failure: Exception | None = None
    gate: threading.Event = field(default_factory=threading.Event)
    threads: list[str] = field(default_factory=list)

    def classify(self, texts: Sequence[str]) -> list[Prediction]:
        self.threads.append(threading.current_thread().name)
        assert self.gate.wait(SOON)
        if self.failure is not None:
            raise self.failure
        return [Prediction("好", 0.75, {"好": 0.75, "坏": 0.25}) for _ in texts]


@pytest.fixture
def settings(settings: Settings, tiny_head: Path) -> Settings:
    """The tiny head."""
    return settings.model_copy(update={"head": tiny_head})


@pytest.fixture
def scripted(monkeypatch: pytest.MonkeyPatch) -> Iterator[ScriptedClassifier]:
    """The classifier of services that start after it; nothing waits for its gate at the end."""
    classifier = ScriptedClassifier()
    monkeypatch.setattr("api.labeller.load_classifier", lambda _: classifier)
    yield classifier
    classifier.gate.set()


def has_loaded(service: Any) -> bool:
    try:
        service.labeller.get()
    except ProblemError as error:
        return "正在加载" not in str(error)
    return True


@pytest.fixture
def client(client: TestClient) -> TestClient:
    """A client of a service that has tried to load its head."""
    assert becomes(lambda: has_loaded(client.app.state.service))  # type: ignore[attr-defined]
    return client


def test_the_head_is_told(client: TestClient) -> None:
    response = client.get("/classify")
    assert response.status_code == 200
    assert response.json() == {"model": "tiny", "labels": ["高兴", "难过", "平常"]}


def test_texts_are_classified_in_their_order(client: TestClient, tiny_head: Path) -> None:
    texts = ["今天真高兴", "我的猫走丢了，找了一整天", "好"]
    answer = client.post("/classify", json={"texts": texts}).json()
    assert answer["model"] == "tiny"
    expected = load_classifier(tiny_head).classify(texts)
    assert len({item.probability for item in expected}) == 3
    for result, prediction in zip(answer["results"], expected, strict=True):
        assert result["label"] == prediction.label
        assert result["probability"] == pytest.approx(prediction.probability)
        assert result["probabilities"] == pytest.approx(prediction.probabilities)


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({}, "#/texts"),
        ({"texts": []}, "#/texts"),
        ({"texts": "你好"}, "#/texts"),
        ({"texts": ["好"] * 65}, "#/texts"),
        ({"texts": ["好", " "]}, "#/texts/1"),
        ({"texts": ["好", 5]}, "#/texts/1"),
        ({"texts": ["好" * 2001]}, "#/texts/0"),
        ({"texts": ["a\x00"]}, "#/texts/0"),
        ({"texts": ["好"], "text": "好"}, "#/text"),
    ],
)
def test_a_request_that_is_wrong_is_told_where(
    client: TestClient, body: dict[str, Any], pointer: str
) -> None:
    response = client.post("/classify", json=body)
    assert response.status_code == 422
    assert response.headers["content-type"] == "application/problem+json"
    assert [item["pointer"] for item in response.json()["errors"]] == [pointer]


def test_as_many_as_are_allowed_pass(client: TestClient) -> None:
    texts = ["好" * 300] * 64
    results = client.post("/classify", json={"texts": texts}).json()["results"]
    assert len(results) == 64


@pytest.mark.parametrize("what", ["missing", "corrupt", "a dialogue model"])
def test_without_a_head_the_service_starts_and_says_so(
    make_client: Callable[..., TestClient],
    settings: Settings,
    bot: Any,
    tiny_checkpoint: Path,
    tmp_path: Path,
    what: str,
    caplog: pytest.LogCaptureFixture,
) -> None:
    folder = tiny_checkpoint if what == "a dialogue model" else tmp_path / "head"
    if what == "corrupt":
        folder.mkdir()
        (folder / "head.json").write_text("{", "utf-8")
    client = make_client(settings.model_copy(update={"head": folder}), lambda _: bot)
    assert becomes(lambda: has_loaded(client.app.state.service))  # type: ignore[attr-defined]
    for response in (client.get("/classify"), client.post("/classify", json={"texts": ["好"]})):
        assert response.status_code == 503
        problem = response.json()
        assert problem["type"] == "/docs#problem-not-ready"
        assert "XIANLIAO_HEAD" in problem["detail"]
        assert "retry-after" not in response.headers
    assert client.get("/readyz").status_code == 200
    assert str(folder) in caplog.text


def test_while_it_loads_a_client_may_come_again(
    make_client: Callable[..., TestClient],
    settings: Settings,
    bot: Any,
    scripted: ScriptedClassifier,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    loaded = threading.Event()

    def load(_: Path) -> ScriptedClassifier:
        assert loaded.wait(SOON)
        return scripted

    monkeypatch.setattr("api.labeller.load_classifier", load)
    client = make_client(settings, lambda _: bot)
    response = client.get("/classify")
    loaded.set()
    assert response.status_code == 503
    assert response.headers["retry-after"] == "1"
    assert "正在加载" in response.json()["detail"]
    assert becomes(lambda: client.get("/classify").status_code == 200)


def test_chat_is_not_kept_waiting_and_too_many_are_turned_away(
    scripted: ScriptedClassifier, client: TestClient
) -> None:
    def ask() -> httpx.Response:
        return client.post("/classify", json={"texts": ["好"]})

    labeller = client.app.state.service.labeller  # type: ignore[attr-defined]
    with ThreadPoolExecutor(8) as threads:
        waiting = [threads.submit(ask) for _ in range(8)]
        assert becomes(lambda: labeller._num_open == 8)
        refused = ask()
        assert refused.status_code == 429
        assert refused.headers["retry-after"] == "1"
        assert "8 个" in refused.json()["detail"]
        assert client.post("/chat", json={"message": "你好"}).status_code == 200
        scripted.gate.set()
        assert [future.result().status_code for future in waiting] == [200] * 8
    assert labeller._num_open == 0
    assert len(set(scripted.threads)) == 1
    assert scripted.threads[0].startswith("labelling")
    assert ask().json()["results"][0]["probabilities"] == {"好": 0.75, "坏": 0.25}


def test_a_head_that_fails_is_an_internal_error_and_the_next_is_served(
    scripted: ScriptedClassifier, client: TestClient
) -> None:
    scripted.gate.set()
    scripted.failure = RuntimeError("secret")
    response = client.post("/classify", json={"texts": ["好"]})
    assert response.status_code == 500
    assert "secret" not in response.text
    scripted.failure = None
    assert client.post("/classify", json={"texts": ["好"]}).status_code == 200


def test_the_reference_shows_how(client: TestClient) -> None:
    page = client.get("/docs").text
    assert 'id="post-classify"' in page
    assert 'id="get-classify"' in page
    assert "<code>texts</code> <em>必填</em>" in page
    assert "最多 64 项" in page
    assert "/classify -H &#x27;Content-Type" in page
