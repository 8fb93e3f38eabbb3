"""/sessions as a client meets it: nobody with an id, and a browser with its own list."""

import json
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any

import pytest
from fastapi.testclient import TestClient

from api.settings import Settings


@pytest.fixture
def session_id(client: TestClient) -> str:
    """A session of one turn, nobody's."""
    return say(client, "你好")


@pytest.fixture
def browser(client: TestClient) -> TestClient:
    """The client, once it has opened the page: it has a cookie from then on."""
    assert client.get("/").status_code == 200
    return client


def say(client: TestClient, message: str, session_id: str | None = None) -> str:
    answer = client.post("/chat", json={"message": message, "session_id": session_id})
    assert answer.status_code == 200, answer.text
    found: str = answer.json()["session_id"]
    return found


def listed(client: TestClient, **query: Any) -> list[str]:
    page = client.get("/sessions", params=query).json()
    return [session["title"] for session in page["sessions"]]


def test_a_session_is_read_turn_by_turn(client: TestClient, session_id: str) -> None:
    say(client, "再见", session_id)
    session = client.get(f"/sessions/{session_id}").json()
    moments = [
        session.pop("created_at"),
        *(turn.pop("created_at") for turn in session["turns"]),
        session.pop("updated_at"),
    ]
    rest = {"bot": "好呀。", "finish_reason": "stop", "model": "scripted", "seed": 7}
    rest |= {"rating": None, "reason": None}
    assert session == {
        "session_id": session_id,
        "title": "你好",
        "num_turns": 2,
        "turns": [{"turn": 1, "user": "你好", **rest}, {"turn": 2, "user": "再见", **rest}],
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
    client.delete(f"/sessions/{say(client, '另一个')}")
    assert client.get(f"/sessions/{session_id}").status_code == 200


@pytest.mark.parametrize("name", ["nobody", "a" * 5000, "%00", "%ff", "闲聊"])
def test_an_unknown_session_is_a_problem(client: TestClient, name: str) -> None:
    address = f"/sessions/{name}"
    for response in (
        client.get(address),
        client.delete(address),
        client.patch(address, json={"title": "新"}),
        client.get(f"{address}/export"),
    ):
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


def test_nobody_has_no_list_and_a_browser_has_its_own(client: TestClient) -> None:
    say(client, "谁也不是")
    assert client.get("/sessions").json() == {"sessions": [], "next_cursor": None}
    client.get("/")
    first = say(client, "第一个")
    say(client, "第二个")
    say(client, "再说一句", first)
    assert listed(client) == ["第一个", "第二个"]
    assert listed(client, q="再说") == ["第一个"]
    assert listed(client, q="没说过") == []
    page = client.get("/sessions?limit=1").json()
    assert page["sessions"][0]["num_turns"] == 2
    assert listed(client, limit=1, cursor=page["next_cursor"]) == ["第二个"]


def test_no_browser_reaches_another_s_session(
    make_client: Callable[..., TestClient], settings: Settings, bot: Any
) -> None:
    mine, yours = (make_client(settings, lambda _: bot) for _ in range(2))
    mine.get("/")
    session_id = say(mine, "我的")
    assert mine.get(f"/sessions/{session_id}").status_code == 200
    for stranger in (yours, yours):
        address = f"/sessions/{session_id}"
        body = {"message": "让我看看", "session_id": session_id}
        feedback = {"session_id": session_id, "turn": 1, "rating": "down"}
        for response in (
            stranger.get(address),
            stranger.delete(address),
            stranger.patch(address, json={"title": "我的了"}),
            stranger.get(f"{address}/export"),
            stranger.post("/chat", json=body),
            stranger.post("/feedback", json=feedback),
        ):
            assert response.status_code == 404
            assert response.json()["title"] == "会话不存在"
        yours.get("/")  # nobody at first, then a browser of its own
    assert yours.delete("/sessions").json() == {"deleted": 0}
    assert mine.get(f"/sessions/{session_id}").json()["title"] == "我的"


def test_a_session_of_nobody_s_is_there_for_whoever_knows_it(
    client: TestClient, session_id: str
) -> None:
    client.get("/")
    assert say(client, "接着说", session_id) == session_id
    assert listed(client) == []


def test_all_of_a_browser_s_sessions_are_deleted(browser: TestClient) -> None:
    for message in "一二三":
        say(browser, message)
    assert browser.delete("/sessions").json() == {"deleted": 3}
    assert listed(browser) == []


def test_a_title_is_changed(browser: TestClient) -> None:
    session_id = say(browser, "第一句话")
    renamed = browser.patch(f"/sessions/{session_id}", json={"title": " 周末\n去哪儿 "})
    assert renamed.status_code == 200
    assert renamed.json()["title"] == "周末 去哪儿"
    assert listed(browser) == ["周末 去哪儿"]


def test_what_is_exported_can_be_imported(browser: TestClient) -> None:
    session_id = say(browser, "你好\n小闲")
    say(browser, "再见", session_id)
    liked = {"session_id": session_id, "turn": 2, "rating": "up", "reason": "有意思"}
    browser.post("/feedback", json=liked)
    file = browser.get(f"/sessions/{session_id}/export")
    assert file.headers["content-type"] == "application/json"
    name = file.headers["content-disposition"]
    assert name.startswith('attachment; filename="xianliao-')
    assert name.endswith('.json"')
    assert session_id not in file.text
    headers = {"content-type": "application/json"}
    made = browser.post("/sessions/import", content=file.content, headers=headers)
    assert made.status_code == 201
    copy = browser.get(f"/sessions/{made.json()['session_id']}").json()
    original = browser.get(f"/sessions/{session_id}").json()
    assert copy["session_id"] != session_id
    for key in ("title", "turns", "num_turns", "created_at"):
        assert copy[key] == original[key], key
    assert say(browser, "接着聊", copy["session_id"]) == copy["session_id"]


def test_a_text_for_people(client: TestClient) -> None:
    session_id = say(client, "第一句")
    say(client, "第二句", session_id)
    file = client.get(f"/sessions/{session_id}/export?format=txt")
    assert file.headers["content-type"] == "text/plain; charset=utf-8"
    title, began, blank, *said = file.text.splitlines()
    assert (title, blank) == ("第一句", "")
    assert began.endswith("（UTC）")
    assert said == ["我：第一句", "小闲：好呀。", "我：第二句", "小闲：好呀。"]


def test_a_conversation_of_elsewhere_is_continued(client: TestClient, bot: Any) -> None:
    turns = [{"user": "我叫阿青", "bot": "记住了"}, {"user": "今天下雨", "bot": ""}]
    made = client.post("/sessions/import", json={"turns": turns}).json()
    assert (made["title"], made["num_turns"]) == ("我叫阿青", 2)
    say(client, "我叫什么", made["session_id"])
    assert bot.started[-1][0] == ["我叫阿青", "记住了", "今天下雨", ""]


def test_a_long_conversation_is_imported_whole(client: TestClient) -> None:
    turns = [{"user": "长" * 1000, "bot": "短"}] * 200
    content = json.dumps({"turns": turns}, ensure_ascii=False).encode()
    assert len(content) > 500_000
    headers = {"content-type": "application/json"}
    made = client.post("/sessions/import", content=content, headers=headers)
    assert made.status_code == 201, made.text
    assert made.json()["num_turns"] == 200


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({}, "turns 不能缺少"),
        ({"turns": []}, "turns 太少，最少 1 项"),
        ({"turns": [{"user": "你好"}]}, "turns.0.bot 不能缺少"),
        ({"turns": [{"user": " ", "bot": "好"}]}, "turns.0.user 不能全是空白"),
        ({"turns": [{"user": "a", "bot": "\x00"}]}, "turns.0.bot 含有控制字符"),
        *(
            ({"turns": [{"user": "a", "bot": "b", "created_at": moment}]}, "turns.0.created_at")
            for moment in ("昨天", 1_700_000_000, "1700000000", "2026-01-31T08:00:00", "2026-01-31")
        ),
        (
            {"turns": [{"user": "a", "bot": "b", "created_at": "0001-01-01T00:00:00+09:00"}]},
            "不是能用的时间",
        ),
        ({"turns": [{"user": "a", "bot": "b", "seed": 2**63}]}, "turns.0.seed 太大"),
        ({"turns": [{"user": "a", "bot": "b"}], "title": "长" * 81}, "title 太长"),
        ({"turns": [{"user": "a", "bot": "b"}], "owner": "我"}, "owner 不是可用的字段"),
    ],
)
def test_what_cannot_be_imported_is_told_why(client: TestClient, body: Any, words: str) -> None:
    refused = client.post("/sessions/import", json=body)
    assert refused.status_code == 422
    assert words in refused.json()["detail"]


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("limit=0", "limit 太小，最小是 1"),
        ("limit=many", "limit 应是整数"),
        ("cursor=abc", "cursor 读不懂；请用上一页给的 next_cursor"),
        ("q=%00", "q 含有控制字符"),
        ("q=" + "a" * 201, "q 太长"),
    ],
)
def test_a_bad_question_is_told_why(browser: TestClient, query: str, words: str) -> None:
    refused = browser.get(f"/sessions?{query}")
    assert refused.status_code == 422
    assert words in refused.json()["detail"]


def test_an_unknown_form_is_told(client: TestClient, session_id: str) -> None:
    refused = client.get(f"/sessions/{session_id}/export?format=pdf")
    assert refused.status_code == 422
    assert "format 应是 json、txt 之一" in refused.json()["detail"]
