"""The official client of OpenAI, as it comes, against a running service with a real engine."""

from collections.abc import Callable
from typing import Any

import httpx
import openai
import pytest
from fastapi.testclient import TestClient

from chatbot.decoding.params import SamplingParams

Messages = list[dict[str, Any]]
HELLO: Messages = [{"role": "user", "content": "你好"}]


@pytest.fixture
def address(serve_live: Callable[..., Any]) -> str:
    """Where the service with the tiny checkpoint answers OpenAI's clients."""
    return f"{serve_live().url}/v1"


def connect(address: str) -> Any:
    return openai.OpenAI(base_url=address, api_key="none is needed", max_retries=0)


def test_the_client_talks_streams_and_lists(address: str) -> None:
    with connect(address) as client:
        assert [model.id for model in client.models.list()] == ["tiny"]
        assert client.models.retrieve("tiny").owned_by == "xianliao"
        asked: dict[str, Any] = {"model": "tiny", "messages": HELLO, "seed": 3, "max_tokens": 12}
        whole = client.chat.completions.create(**asked)
        assert whole.object == "chat.completion"
        assert whole.choices[0].message.role == "assistant"
        assert whole.choices[0].finish_reason in {"stop", "length"}
        assert 1 <= whole.usage.completion_tokens <= 12
        assert whole.usage.total_tokens == whole.usage.prompt_tokens + whole.usage.completion_tokens

        options = {"include_usage": True}
        stream = client.chat.completions.create(**asked, stream=True, stream_options=options)
        chunks = list(stream)
        assert {chunk.id for chunk in chunks} != {whole.id}
        assert chunks[0].choices[0].delta.role == "assistant"
        text = "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)
        assert text == whole.choices[0].message.content
        assert chunks[-2].choices[0].finish_reason == whole.choices[0].finish_reason
        assert chunks[-1].choices == []
        assert chunks[-1].usage == whole.usage


def test_several_choices_differ_and_the_first_is_that_of_one_alone(address: str) -> None:
    asked: dict[str, Any] = {"model": "tiny", "messages": HELLO, "temperature": 1.5, "seed": 5}
    with connect(address) as client:
        one = client.chat.completions.create(**asked, max_tokens=16)
        three = client.chat.completions.create(**asked, n=3, max_tokens=16)
        texts = [choice.message.content for choice in three.choices]
        assert [choice.index for choice in three.choices] == [0, 1, 2]
        assert len(set(texts)) == 3
        assert texts[0] == one.choices[0].message.content
        assert three.usage.prompt_tokens == one.usage.prompt_tokens

        streamed = {0: "", 1: "", 2: ""}
        ends = []
        stream = client.chat.completions.create(**asked, n=3, max_tokens=16, stream=True)
        for chunk in stream:
            choice = chunk.choices[0]
            streamed[choice.index] += choice.delta.content or ""
            ends += [choice.index] if choice.finish_reason else []
        assert list(streamed.values()) == texts
        assert sorted(ends) == [0, 1, 2]


def test_a_reply_ends_before_a_stop_sequence(address: str) -> None:
    asked: dict[str, Any] = {"model": "tiny", "messages": HELLO, "seed": 4, "max_tokens": 40}
    with connect(address) as client:
        text = client.chat.completions.create(**asked).choices[0].message.content
        assert len(text) > 8, "a reply to cut"
        for stop in (text[3:6], ["not there", text[3:6]]):
            cut = client.chat.completions.create(**asked, stop=stop)
            assert cut.choices[0].message.content == text[: text.index(text[3:6])]
            assert cut.choices[0].finish_reason == "stop"
            stream = client.chat.completions.create(**asked, stop=stop, stream=True)
            pieces = [chunk.choices[0].delta.content or "" for chunk in stream]
            assert "".join(pieces) == cut.choices[0].message.content


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"temperature": 3}, "temperature"),
        ({"tools": [{"type": "function", "function": {"name": "f"}}]}, "tools"),
        ({"presence_penalty": 0.5}, "presence_penalty"),
        ({"n": 9}, "n"),
        ({"stop": ["a"] * 5}, "stop"),
        ({"messages": [{"role": "assistant", "content": "你好"}]}, "messages"),
        ({"messages": [{"role": "user", "content": "好" * 300}]}, "messages"),
        ({"messages": [{"role": "tool", "content": "1"}]}, "messages.0.role"),
        (
            {"messages": [{"role": "user", "content": [{"type": "image_url"}]}]},
            "messages.0.content",
        ),
    ],
)
def test_what_cannot_be_done_names_its_field(
    real_client: TestClient, fields: dict[str, Any], param: str
) -> None:
    body = {"model": "tiny", "messages": HELLO, **fields}
    response = real_client.post("/v1/chat/completions", json=body)
    assert response.status_code == 400
    error = response.json()["error"]
    assert error["param"] == param
    assert error["type"] == "invalid_request_error"
    assert error["message"]


def test_the_client_knows_our_errors_by_its_own_kinds(address: str) -> None:
    with connect(address) as client:
        with pytest.raises(openai.NotFoundError) as unknown:
            client.chat.completions.create(model="gpt-9", messages=HELLO)
        assert unknown.value.code == "model_not_found"
        assert "tiny" in str(unknown.value)
        with pytest.raises(openai.BadRequestError) as refused:
            client.chat.completions.create(model="tiny", messages=HELLO, presence_penalty=1)
        assert refused.value.param == "presence_penalty"
        with pytest.raises(openai.NotFoundError):
            client.models.retrieve("gpt-9")
    for path in ("/v1/nothing", "/v1/chat/completions"):
        error = httpx.get(f"{address.removesuffix('/v1')}{path}").json()["error"]
        assert error.keys() == {"message", "type", "param", "code"}
    headers = {"content-type": "application/json"}
    broken = httpx.post(f"{address}/chat/completions", content=b"{", headers=headers)
    assert broken.status_code == 400
    assert broken.json()["error"]["code"] == "broken_json"


def test_what_front_ends_send_along_is_taken(client: TestClient, bot: Any) -> None:
    body = {
        "model": "scripted",
        "messages": [
            {"role": "system", "content": "You are a pirate." * 500},
            {"role": "assistant", "content": "有什么可以帮你？"},
            {
                "role": "user",
                "content": [{"type": "text", "text": "我叫"}, {"type": "text", "text": "阿青"}],
            },
            {"role": "assistant", "content": "你好，阿青", "tool_calls": None, "name": "bot"},
            {"role": "user", "content": "在吗"},
            {"role": "assistant", "content": ""},
            {"role": "user", "content": "我叫什么"},
        ],
        "user": "someone",
        "presence_penalty": 0,
        "frequency_penalty": 0.0,
        "logit_bias": {},
        "logprobs": False,
        "top_logprobs": None,
        "tools": [],
        "tool_choice": "auto",
        "response_format": {"type": "text"},
        "metadata": {"chat": "1"},
        "stream_options": None,
        "stop": None,
        "max_tokens": 4096,
        "keep_alive": "5m",
    }
    response = client.post("/v1/chat/completions", json=body)
    assert response.status_code == 200, response.text
    history, message, params = bot.started[-1]
    assert history == ["我叫阿青", "你好，阿青"]
    assert message == "在吗\n我叫什么"
    assert params == SamplingParams(max_new_tokens=128, seed=params.seed)
    assert client.get("/sessions").json()["sessions"] == []


def test_a_filtered_reply_says_so(real_client: TestClient) -> None:
    body = {"model": "tiny", "messages": [{"role": "user", "content": "我不想活了"}]}
    choice = real_client.post("/v1/chat/completions", json=body).json()["choices"][0]
    assert choice["finish_reason"] == "content_filter"
    assert choice["message"]["content"]


@pytest.mark.parametrize("n", [1, 3])
def test_a_failure_in_mid_stream_reaches_the_client(
    serve_live: Callable[..., Any], bot: Any, n: int
) -> None:
    bot.failure = KeyError("internals")
    with connect(f"{serve_live(lambda _: bot).url}/v1") as client:
        stream = client.chat.completions.create(model="scripted", messages=HELLO, stream=True, n=n)
        with pytest.raises(openai.APIError) as error:
            list(stream)
        assert "internals" not in str(error.value)
        with pytest.raises(openai.InternalServerError):
            client.chat.completions.create(model="scripted", messages=HELLO)
    assert bot.running == []
