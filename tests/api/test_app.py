"""The whole service over the tiny checkpoint: what the parts do together."""

import json
import threading
from typing import Any

from fastapi.testclient import TestClient

from api.app import create_app
from api.settings import Settings


def test_a_real_model_remembers_the_session(real_client: TestClient) -> None:
    body = {"message": "我叫阿青", "max_new_tokens": 8, "seed": 3}
    first = real_client.post("/chat", json=body).json()
    assert first["reply"]
    assert first["model"] == "tiny"
    assert first["seed"] == 3
    assert first["usage"]["completion_tokens"] <= 8
    body = {"message": "我叫什么", "max_new_tokens": 8, "session_id": first["session_id"]}
    second = real_client.post("/chat", json=body).json()
    assert second["turn"] == 2
    assert second["usage"]["history_used"] == 2
    assert second["usage"]["prompt_tokens"] > first["usage"]["prompt_tokens"]


def test_the_pieces_of_a_real_stream_are_the_reply(real_client: TestClient) -> None:
    body = {"message": "你好", "stream": True, "seed": 5, "max_new_tokens": 20}
    text = real_client.post("/chat", json=body).text
    data = [json.loads(line[6:]) for line in text.splitlines() if line.startswith("data: ")]
    assert "".join(piece["text"] for piece in data[1:-1]) == data[-1]["reply"]
    whole = real_client.post("/chat", json={**body, "stream": False}).json()
    assert whole["reply"] == data[-1]["reply"]


def test_a_long_session_always_fits(real_client: TestClient) -> None:
    session_id, dropped = None, 0
    for _ in range(6):
        body = {"message": "好" * 60, "max_new_tokens": 16, "session_id": session_id}
        answer = real_client.post("/chat", json=body).json()
        session_id, dropped = answer["session_id"], answer["usage"]["history_dropped"]
    assert dropped > 0
    assert answer["usage"]["history_used"] + dropped == 10


def test_the_limit_that_readyz_tells_is_the_limit(real_client: TestClient) -> None:
    limit = real_client.get("/readyz").json()["max_message_chars"]
    fits = real_client.post("/chat", json={"message": "好" * limit})
    assert fits.status_code == 200
    too_long = real_client.post("/chat", json={"message": "好" * (limit + 1)})
    assert too_long.status_code == 422
    assert too_long.json()["title"] == "消息太长"
    assert str(limit) in too_long.json()["detail"]


def test_sessions_survive_a_restart(settings: Settings, bot: Any) -> None:
    def in_a_fresh_service(**body: Any) -> dict[str, Any]:
        loaded = threading.Event()
        app = create_app(settings, load_bot=lambda _: bot, on_loaded=lambda _: loaded.set())
        with TestClient(app) as client:
            assert loaded.wait(20)
            answer: dict[str, Any] = client.post("/chat", json=body).json()
            return answer

    first = in_a_fresh_service(message="我叫阿青")
    bot.num_closed = 0
    second = in_a_fresh_service(message="我叫什么", session_id=first["session_id"])
    assert second["turn"] == 2
    assert bot.started[-1][0] == ["我叫阿青", "好呀。"]


def test_nothing_is_opened_before_the_service_starts(settings: Settings) -> None:
    def never(_folder: Any) -> Any:
        raise AssertionError("loaded too early")

    create_app(settings, load_bot=never)
    assert not settings.data_dir.exists()


def test_openapi_tells_the_fields_their_ranges_and_the_problems(client: TestClient) -> None:
    description = client.get("/openapi.json").json()
    chat = description["paths"]["/chat"]["post"]
    fields = description["components"]["schemas"]["ChatRequest"]
    assert fields["additionalProperties"] is False
    assert list(fields["properties"]) == [
        "message",
        "session_id",
        "history",
        "stream",
        "resumable",
        "deadline_seconds",
        "temperature",
        "top_k",
        "top_p",
        "min_p",
        "repetition_penalty",
        "no_repeat_ngram",
        "max_new_tokens",
        "candidates",
        "seed",
    ]
    temperature = fields["properties"]["temperature"]["anyOf"][0]
    assert (temperature["minimum"], temperature["maximum"]) == (0, 2)
    assert chat["responses"]["200"]["content"].keys() == {"application/json", "text/event-stream"}
    for path, methods in description["paths"].items():
        media_type = "application/json" if path.startswith("/v1/") else "application/problem+json"
        for operation in methods.values():
            content = operation["responses"]["default"]["content"]
            assert content.keys() == {media_type}
            assert "422" not in operation["responses"]
    assert "HTTPValidationError" not in description["components"]["schemas"]
