"""Two services on one database: a conversation goes on in either, and never splits."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from fastapi.testclient import TestClient

from api.settings import Settings


@pytest.fixture
def services(
    url: str, make_client: Callable[..., TestClient], settings: Settings, bot: Any
) -> list[TestClient]:
    """Two services with the same scripted bot behind them."""
    shared = settings.model_copy(update={"database_url": url})
    return [make_client(shared, lambda _: bot) for _ in range(2)]


def test_a_conversation_goes_on_at_the_other_service(services: list[TestClient], bot: Any) -> None:
    session_id = None
    for number, client in enumerate(services * 2, 1):
        body = {"message": f"第{number}句", "session_id": session_id}
        answer = client.post("/chat", json=body).json()
        assert answer["turn"] == number
        session_id = answer["session_id"]
    assert bot.started[-1][0][::2] == ["第1句", "第2句", "第3句"]


def test_of_two_turns_at_once_one_is_told_of_the_other(
    services: list[TestClient], bot: Any
) -> None:
    first = services[0].post("/chat", json={"message": "你好"}).json()
    body = {"message": "一起说", "session_id": first["session_id"]}
    bot.pause = 0.2
    while bot.most_at_once < 2:  # each saw the same last turn
        bot.most_at_once = 0
        with ThreadPoolExecutor(2) as pool:
            answers = list(pool.map(lambda client: client.post("/chat", json=body), services))
    assert sorted(answer.status_code for answer in answers) == [200, 409]
    refused = next(answer for answer in answers if answer.status_code == 409)
    assert refused.json()["type"] == "/docs#problem-session-conflict"
    turns = services[0].get(f"/sessions/{first['session_id']}").json()["turns"]
    assert [turn["turn"] for turn in turns] == list(range(1, len(turns) + 1))
    bot.pause = 0
    assert services[1].post("/chat", json=body).json()["turn"] == len(turns) + 1
