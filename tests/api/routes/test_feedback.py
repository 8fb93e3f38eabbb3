"""POST /feedback as a client meets it."""

from typing import Any

import pytest
from fastapi.testclient import TestClient


@pytest.fixture
def session_id(client: TestClient) -> str:
    """A session of one turn."""
    found: str = client.post("/chat", json={"message": "你好"}).json()["session_id"]
    return found


def rate(client: TestClient, rated: str, **fields: Any) -> Any:
    return client.post("/feedback", json={"session_id": rated, "turn": 1, **fields})


def opinion(client: TestClient, session_id: str) -> tuple[str | None, str | None]:
    turn = client.get(f"/sessions/{session_id}").json()["turns"][0]
    return turn["rating"], turn["reason"]


def test_the_last_word_counts(client: TestClient, session_id: str) -> None:
    answer = rate(client, session_id, rating="up")
    assert (answer.status_code, answer.content) == (204, b"")
    assert opinion(client, session_id) == ("up", None)
    rate(client, session_id, rating="down", reason="答非所问")
    assert opinion(client, session_id) == ("down", "答非所问")
    rate(client, session_id, rating=None)
    assert opinion(client, session_id) == (None, None)


@pytest.mark.parametrize(
    ("fields", "status", "words"),
    [
        ({"rating": "up", "session_id": "nobody"}, 404, "没有这个会话"),
        ({"rating": "up", "turn": 2}, 404, "没有这一轮"),
        ({"rating": "up", "turn": 0}, 422, "turn 太小"),
        ({"rating": "up", "turn": 2**40}, 422, "turn 太大"),
        ({"rating": "好"}, 422, "rating 应是 up、down 之一"),
        ({}, 422, "rating 不能缺少"),
        ({"rating": None, "reason": "没有评价"}, 422, "收回评价时不能再给 reason"),
        ({"rating": "up", "reason": " "}, 422, "reason 不能全是空白"),
        ({"rating": "up", "reason": "长" * 501}, 422, "reason 太长"),
    ],
)
def test_a_mistake_is_told(
    client: TestClient, session_id: str, fields: dict[str, Any], status: int, words: str
) -> None:
    refused = rate(client, session_id, **fields)
    assert refused.status_code == status
    assert words in refused.json()["detail"]
    assert opinion(client, session_id) == (None, None)
