"""POST /chat with a bot that says what the test wrote; the engine is not the subject here."""

import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from fastapi.testclient import TestClient

from api.settings import Settings
from chatbot.errors import (
    EngineStopped,
    GenerationFailed,
    InvalidParams,
    MessageEmpty,
    MessageTooLong,
    QueueFull,
)


def say(client: TestClient, message: str = "你好", **fields: Any) -> dict[str, Any]:
    response = client.post("/chat", json={"message": message, **fields})
    assert response.status_code == 200, response.text
    answer: dict[str, Any] = response.json()
    return answer


def events(text: str) -> list[tuple[str, dict[str, Any]]]:
    """The events of a stream, each with its number in order and one line of data."""
    frames: list[tuple[str, dict[str, Any]]] = []
    for block in text.removesuffix("\n\n").split("\n\n"):
        event, data, number = block.split("\n")
        assert number == f"id: {len(frames)}"
        frames.append((event.removeprefix("event: "), json.loads(data.removeprefix("data: "))))
    return frames


def test_an_answer_has_exactly_the_promised_fields(client: TestClient) -> None:
    answer = say(client)
    session_id = answer.pop("session_id")
    assert len(session_id) == 24
    assert answer == {
        "reply": "好呀。",
        "turn": 1,
        "finish_reason": "stop",
        "usage": {
            "prompt_tokens": 10,
            "completion_tokens": 3,
            "history_used": 0,
            "history_dropped": 0,
        },
        "model": "scripted",
        "seed": 7,
    }


def test_a_later_turn_gets_what_was_said_before(client: TestClient, bot: Any) -> None:
    session_id = say(client, "我叫阿青")["session_id"]
    answer = say(client, "我叫什么", session_id=session_id)
    assert answer["session_id"] == session_id
    assert answer["turn"] == 2
    assert answer["usage"]["history_used"] == 2
    assert [history for history, _, _ in bot.started] == [[], ["我叫阿青", "好呀。"]]


def test_history_is_cut_to_what_can_matter_and_the_rest_is_counted(
    client: TestClient, bot: Any
) -> None:
    bot.history_fits = 10
    session_id = say(client, "第1句")["session_id"]
    for number in range(2, 41):
        usage = say(client, f"第{number}句", session_id=session_id)["usage"]
    history, message, _ = bot.started[-1]
    assert message == "第40句"
    assert len(history) == 64
    assert history[-2:] == ["第39句", "好呀。"]
    assert usage["history_used"] == 10
    assert usage["history_dropped"] == 2 * 39 - 10


def test_given_history_is_used_and_nothing_is_stored(client: TestClient, bot: Any) -> None:
    history = ["我叫阿青", "你好呀，阿青"] * 40
    answer = say(client, "我叫什么", history=history)
    assert (answer["session_id"], answer["turn"]) == (None, None)
    assert answer["usage"] == {
        "prompt_tokens": 10,
        "completion_tokens": 3,
        "history_used": 64,
        "history_dropped": 16,
    }
    assert bot.started[0][0] == history[-64:]
    session_id = say(client)["session_id"]
    assert len(client.get(f"/sessions/{session_id}").json()["turns"]) == 1


def test_sampling_fields_override_the_models_defaults_one_by_one(
    client: TestClient, bot: Any
) -> None:
    answer = say(client, temperature=0, top_k=5, seed=42)
    _, _, params = bot.started[0]
    assert (params.temperature, params.top_k, params.seed) == (0, 5, 42)
    assert params.top_p == bot.defaults.top_p
    assert answer["seed"] == 42


def test_a_stream_sends_pieces_and_then_the_whole_answer(client: TestClient) -> None:
    response = client.post("/chat", json={"message": "你好", "stream": True})
    assert response.status_code == 200
    assert response.headers["content-type"] == "text/event-stream; charset=utf-8"
    assert response.headers["cache-control"] == "no-store"
    assert response.headers["x-accel-buffering"] == "no"
    start, *frames = events(response.text)
    assert start == ("start", {"reply_id": response.headers["x-reply-id"]})
    assert frames[:-1] == [("delta", {"text": piece}) for piece in ("好", "呀", "。")]
    name, answer = frames[-1]
    assert name == "done"
    assert answer.keys() == say(client).keys()
    assert (answer["reply"], answer["turn"]) == ("好呀。", 1)


def test_chinese_is_not_escaped(client: TestClient, bot: Any) -> None:
    bot.pieces = ["换行\n", '引号"', "😀"]
    streamed = client.post("/chat", json={"message": "你好", "stream": True}).text
    whole = client.post("/chat", json={"message": "你好"}).text
    for text in (streamed, whole):
        assert "换行" in text
        assert "😀" in text
        assert "\\u" not in text
    assert [data["text"] for name, data in events(streamed) if name == "delta"] == bot.pieces


@pytest.mark.parametrize("stream", [False, True])
def test_a_turn_is_stored_when_its_answer_comes(client: TestClient, stream: bool) -> None:
    response = client.post("/chat", json={"message": "记住我", "stream": stream})
    answer = events(response.text)[-1][1] if stream else response.json()
    session = client.get(f"/sessions/{answer['session_id']}").json()
    assert [(turn["user"], turn["bot"]) for turn in session["turns"]] == [("记住我", "好呀。")]


REFUSALS = [
    (MessageEmpty(), 422, "没有可读的文字"),
    (MessageTooLong(300, 190), 422, "最多 190 个"),
    (InvalidParams("max_new_tokens", 128, "1 到 5 的整数"), 422, "1 到 5 的整数"),
    (QueueFull(32), 429, "估计 1 秒后"),
    (EngineStopped(), 503, "正在停止"),
    (KeyError("internals"), 500, "意外"),
]


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(("refusal", "status", "words"), REFUSALS)
def test_a_refusal_has_a_status_of_its_own_in_both_forms(
    client: TestClient, bot: Any, refusal: Exception, status: int, words: str, stream: bool
) -> None:
    bot.refusal = refusal
    response = client.post("/chat", json={"message": "你好", "stream": stream})
    assert response.status_code == status
    assert response.headers["content-type"] == "application/problem+json"
    assert response.json()["status"] == status
    assert words in response.json()["detail"]
    assert "internals" not in response.text
    assert ("retry-after" in response.headers) == (status == 429)


@pytest.mark.parametrize(
    ("failure", "status"),
    [(GenerationFailed("坏了"), 500), (EngineStopped(), 503), (KeyError("internals"), 500)],
)
def test_a_failure_in_mid_reply_ends_both_forms_and_leaves_no_session(
    client: TestClient, bot: Any, failure: Exception, status: int
) -> None:
    bot.failure = failure
    whole = client.post("/chat", json={"message": "你好"})
    assert whole.status_code == status
    streamed = client.post("/chat", json={"message": "你好", "stream": True})
    assert streamed.status_code == 200
    name, problem = events(streamed.text)[-1]
    assert name == "error"
    assert problem == whole.json()
    assert "internals" not in streamed.text + whole.text
    bot.failure = None
    assert say(client)["turn"] == 1


@pytest.mark.parametrize("stream", [False, True])
def test_a_failed_turn_leaves_its_session_as_it_was(
    client: TestClient, bot: Any, stream: bool
) -> None:
    session_id = say(client)["session_id"]
    bot.failure = GenerationFailed("坏了")
    client.post("/chat", json={"message": "丢了", "session_id": session_id, "stream": stream})
    bot.failure = None
    answer = say(client, "再来", session_id=session_id)
    assert answer["turn"] == 2
    assert bot.started[-1][0] == ["你好", "好呀。"]


def test_a_reply_that_cannot_be_stored_is_not_acknowledged(
    client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken(*_turn: Any) -> None:
        raise OSError("disk full")

    monkeypatch.setattr(client.app.state.service.store, "append", broken)  # type: ignore[attr-defined]
    assert client.post("/chat", json={"message": "你好"}).status_code == 500
    streamed = client.post("/chat", json={"message": "你好", "stream": True}).text
    assert [name for name, _ in events(streamed)] == ["start", "delta", "delta", "delta", "error"]
    assert "disk full" not in streamed


def test_turns_of_one_session_follow_one_another(client: TestClient, bot: Any) -> None:
    session_id = say(client, "开头")["session_id"]
    bot.pause = 0.02
    with ThreadPoolExecutor(8) as pool:
        jobs = [
            pool.submit(say, client, f"同时{number}", session_id=session_id) for number in range(8)
        ]
        answers = [job.result() for job in jobs]
    assert sorted(answer["turn"] for answer in answers) == list(range(2, 10))
    turns = client.get(f"/sessions/{session_id}").json()["turns"]
    told = [text for turn in turns for text in (turn["user"], turn["bot"])]
    for history, message, _ in bot.started:
        assert told[: len(history)] == history
        assert told[len(history)] == message


def test_turns_of_different_sessions_run_at_once(client: TestClient, bot: Any) -> None:
    bot.pause = 0.1
    with ThreadPoolExecutor(2) as pool:
        for job in [pool.submit(say, client) for _ in range(2)]:
            job.result()
    assert bot.most_at_once == 2


def test_a_session_that_nobody_knows_is_refused(client: TestClient, bot: Any) -> None:
    for stream in (False, True):
        body = {"message": "你好", "session_id": "nobody", "stream": stream}
        response = client.post("/chat", json=body)
        assert response.status_code == 404
        assert response.json()["title"] == "会话不存在"
    assert bot.started == []


@pytest.mark.parametrize(
    ("fields", "pointer"),
    [
        ({"message": "好" * 11}, "#/message"),
        ({"history": ["好", "好" * 11]}, "#/history/1"),
        ({"history": ["好", "好"] * 2}, "#/history"),
    ],
)
def test_the_operators_limits_may_be_tighter(
    make_client: Callable[..., TestClient],
    settings: Settings,
    bot: Any,
    fields: dict[str, Any],
    pointer: str,
) -> None:
    limits = {"max_message_chars": 10, "max_history_utterances": 2}
    tight_client = make_client(settings.model_copy(update=limits), lambda _: bot)
    response = tight_client.post("/chat", json={"message": "好", **fields})
    assert response.status_code == 422
    assert response.json()["errors"][0]["pointer"] == pointer
    assert tight_client.post("/chat", json={"message": "好" * 10}).status_code == 200
