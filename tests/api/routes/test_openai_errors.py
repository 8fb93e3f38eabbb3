"""What the official client of OpenAI raises, and what odd requests get; the client is as it comes."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import openai
import pytest
from fastapi.testclient import TestClient

from api.settings import Settings
from chatbot.errors import QueueFull

ASKED: dict[str, Any] = {
    "model": "scripted",
    "messages": [{"role": "user", "content": "你好"}],
}
Start = Callable[..., Any]


@contextmanager
def connected(serve_live: Start, bot: Any) -> Iterator[openai.OpenAI]:
    address = f"{serve_live(lambda _: bot).url}/v1"
    with openai.OpenAI(base_url=address, api_key="none", max_retries=0) as client:
        yield client


class TestWithKeys:
    @pytest.fixture
    def settings(self, settings: Settings) -> Settings:
        return settings.model_copy(update={"require_key": True})

    def test_a_wrong_key(self, serve_live: Start, bot: Any) -> None:
        with connected(serve_live, bot) as client:
            for stream in (False, True):
                with pytest.raises(openai.AuthenticationError) as error:
                    client.chat.completions.create(**ASKED, stream=stream)
                assert error.value.code == "wrong_key"
                assert error.value.type == "authentication_error"


class TestWithALimit:
    @pytest.fixture
    def settings(self, settings: Settings) -> Settings:
        return settings.model_copy(update={"limit_address": "1/hour"})

    def test_too_often(self, serve_live: Start, bot: Any) -> None:
        with connected(serve_live, bot) as client:
            client.chat.completions.create(**ASKED)
            with pytest.raises(openai.RateLimitError) as error:
                client.chat.completions.create(**ASKED, stream=True)
            assert error.value.code == "rate_limited"
            assert 0 < int(error.value.response.headers["retry-after"]) <= 3600


@pytest.mark.parametrize("stream", [False, True])
def test_a_full_queue_and_a_failure(serve_live: Start, bot: Any, stream: bool) -> None:
    with connected(serve_live, bot) as client:
        bot.refusal = QueueFull(3)
        with pytest.raises(openai.RateLimitError) as full:
            client.chat.completions.create(**ASKED, stream=stream)
        assert full.value.code == "queue_full"
        assert int(full.value.response.headers["retry-after"]) >= 1
        bot.refusal = KeyError("internals")
        with pytest.raises(openai.InternalServerError) as failed:
            client.chat.completions.create(**ASKED, stream=stream)
        assert "internals" not in str(failed.value)


def test_the_client_s_own_helpers_read_our_stream(serve_live: Start, bot: Any) -> None:
    with connected(serve_live, bot) as client:
        with client.chat.completions.stream(**ASKED) as stream:
            whole = stream.get_final_completion()
        assert whole.choices[0].message.content == "好呀。"
        asked = ASKED | {"logprobs": True, "top_logprobs": 2}
        with client.chat.completions.stream(**asked) as stream:
            (choice,) = stream.get_final_completion().choices
        assert choice.logprobs is not None
        assert [token.token for token in choice.logprobs.content or ()] == ["好", "呀", "。"]
        raw = client.chat.completions.with_raw_response.create(**ASKED)
        assert raw.headers["x-request-id"] == raw.request_id
        assert raw.parse().choices[0].message.content == "好呀。"


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"n": 0}, "n"),
        ({"n": True}, "n"),
        ({"stop": [""]}, "stop.0"),
        ({"stop": {"a": 1}}, "stop"),
        ({"seed": -1}, "seed"),
        ({"seed": 2**63}, "seed"),
        ({"max_tokens": 0}, "max_tokens"),
        ({"max_completion_tokens": -1}, "max_completion_tokens"),
        ({"top_p": 0}, "top_p"),
        ({"temperature": "1"}, "temperature"),
        ({"messages": []}, "messages"),
        ({"messages": [{"role": "system", "content": "x"}]}, "messages"),
        ({"messages": [{"role": "user", "content": []}]}, "messages"),
        ({"messages": [{"role": "user", "content": 5}]}, "messages.0.content"),
        ({"messages": [{"role": "function", "content": "5"}]}, "messages.0.role"),
        ({"model": None}, "model"),
        ({"logprobs": 1}, "logprobs"),
        ({"top_logprobs": 5}, "top_logprobs"),
        ({"logprobs": False, "top_logprobs": 1}, "top_logprobs"),
        ({"logprobs": True, "top_logprobs": 21}, "top_logprobs"),
        ({"logprobs": True, "top_logprobs": -1}, "top_logprobs"),
        ({"logprobs": True, "top_logprobs": True}, "top_logprobs"),
        ({"response_format": {"type": "json_object"}}, "response_format"),
        ({"tool_choice": "required"}, "tool_choice"),
    ],
)
def test_odd_values_are_400_with_their_field(
    client: TestClient, bot: Any, fields: dict[str, Any], param: str
) -> None:
    for stream in (False, True):
        body = ASKED | {"stream": stream} | fields
        refused = client.post("/v1/chat/completions", json=body)
        assert refused.status_code == 400, refused.text
        assert refused.json()["error"]["param"] == param
    assert bot.started == []
