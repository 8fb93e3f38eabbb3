import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any

import pytest
from fastapi.testclient import TestClient


@pytest.fixture
def session_id(client: TestClient) -> str:
    """A session of one turn."""
    found: str = client.post("/chat", json={"message": "你好"}).json()["session_id"]
    return found


def test_a_session_is_read_turn_by_turn(client: TestClient, session_id: str) -> None:
    client.post("/chat", json={"message": "再见", "session_id": session_id})
    session = client.get(f"/sessions/{session_id}").json()
    moments = [session.pop("created_at"), *(turn.pop("created_at") for turn in session["turns"])]
    assert session == {
        "session_id": session_id,
        "turns": [
            {"turn": 1, "user": "你好", "bot": "好呀。", "finish_reason": "stop"},
            {"turn": 2, "user": "再见", "bot": "好呀。", "finish_reason": "stop"},
        ],
    }
    read = [datetime.fromisoformat(moment) for moment in moments]
    assert read == sorted(read)
    assert abs((datetime.now(UTC) - read[0]).total_seconds()) < 60


def test_a_deleted_session_is_gone(client: TestClient, session_id: str) -> None:
    response = client.delete(f"/sessions/{session_id}")
    assert (response.status_code, response.content) == (204, b"")
    assert "content-type" not in response.headers
    assert client.get(f"/sessions/{session_id}").status_code == 404
    assert client.delete(f"/sessions/{session_id}").status_code == 404
    body = {"message": "还在吗", "session_id": session_id}
    assert client.post("/chat", json=body).status_code == 404


def test_other_sessions_stay(client: TestClient, session_id: str) -> None:
    other = client.post("/chat", json={"message": "另一个"}).json()["session_id"]
    client.delete(f"/sessions/{other}")
    assert client.get(f"/sessions/{session_id}").status_code == 200


@pytest.mark.parametrize("name", ["nobody", "a" * 5000, "%00", "%ff", "闲聊"])
def test_an_unknown_session_is_a_problem(client: TestClient, name: str) -> None:
    for response in (client.get(f"/sessions/{name}"), client.delete(f"/sessions/{name}")):
        assert response.status_code == 404
        assert response.headers["content-type"] == "application/problem+json"


def test_deleting_waits_for_the_turn_under_way(
    client: TestClient, bot: Any, session_id: str
) -> None:
    bot.pause = 0.1
    body = {"message": "慢慢说", "session_id": session_id}
    with ThreadPoolExecutor(1) as pool:
        speaking = pool.submit(client.post, "/chat", json=body)
        while not bot.running:
            time.sleep(0.01)
        assert client.delete(f"/sessions/{session_id}").status_code == 204
        assert bot.running == []
        assert speaking.result().status_code == 200
    assert client.get(f"/sessions/{session_id}").status_code == 404
