"""`logprobs` as the official client of OpenAI reads them, against the model's own forward pass."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import openai
import pytest
import torch
from openai.types.chat.chat_completion_token_logprob import ChatCompletionTokenLogprob
from transformers import AutoModelForCausalLM

from api.settings import Settings
from chatbot.bot import Bot
from chatbot.decoding.request import Request
from chatbot.dialogue import DialogueEncoder
from vocab.wordpiece import load_tokenizer

ASKED: dict[str, Any] = {
    "model": "tiny",
    "messages": [{"role": "user", "content": "你好"}],
    "seed": 3,
    "max_tokens": 12,
}


@pytest.fixture(scope="module")
def requests() -> list[Request]:
    """What the engine of `client`'s service was asked."""
    return []


@pytest.fixture(scope="module")
def client(
    serve_on_a_port: Callable[..., AbstractContextManager[Any]],
    tiny_checkpoint: Path,
    tmp_path_factory: pytest.TempPathFactory,
    requests: list[Request],
) -> Iterator[Any]:
    """A client of the tiny checkpoint's service, which computes in float32."""

    def load(folder: Path) -> Bot:
        bot: Any = Bot.from_checkpoint(folder, precision="float32")
        submit = bot._worker.submit

        def noting(request: Request) -> Any:
            requests.append(request)
            return submit(request)

        bot._worker.submit = noting
        return bot  # type: ignore[no-any-return]

    data_dir = tmp_path_factory.mktemp("logprobs")
    with (
        serve_on_a_port(Settings(checkpoint=tiny_checkpoint, data_dir=data_dir), load) as live,
        openai.OpenAI(base_url=f"{live.url}/v1", api_key="none", max_retries=0) as client,
    ):
        yield client


def text_of(tokens: list[ChatCompletionTokenLogprob]) -> str:
    return "".join(token.token for token in tokens)


def test_each_token_has_the_models_own_log_probability(
    client: Any, requests: list[Request], tiny_checkpoint: Path
) -> None:
    choice = client.chat.completions.create(**ASKED, logprobs=True, top_logprobs=20).choices[0]
    tokens = choice.logprobs.content
    assert choice.logprobs.refusal is None
    assert text_of(tokens) == choice.message.content
    assert b"".join(bytes(token.bytes) for token in tokens).decode() == choice.message.content

    encoder = DialogueEncoder(load_tokenizer(tiny_checkpoint))
    model = AutoModelForCausalLM.from_pretrained(tiny_checkpoint, dtype=torch.float32)
    prompt, reply = encoder.encode(["你好"]), requests[-1].output_ids
    assert len(reply) == len(tokens) > 3
    with torch.no_grad():
        logits = model(torch.tensor([[*prompt, *reply]])).logits[0, len(prompt) - 1 : -1]
    log_probs = logits.log_softmax(dim=-1)
    for row, token_id, token in zip(log_probs, reply, tokens, strict=True):
        assert token.logprob == pytest.approx(float(row[token_id]), abs=1e-3)
        assert len(token.top_logprobs) == 20
        found = [likely.logprob for likely in token.top_logprobs]
        assert found == pytest.approx(row.topk(20).values.tolist(), abs=1e-3)
        for likely in token.top_logprobs:
            if likely.bytes is None:
                assert likely.token in encoder.tokenizer.all_special_tokens
            else:
                assert bytes(likely.bytes).decode() == likely.token


def test_a_stream_tells_them_with_the_text(client: Any) -> None:
    whole = client.chat.completions.create(**ASKED, n=3, logprobs=True, top_logprobs=2)
    texts, told = ["", "", ""], [[], [], []]  # type: ignore[var-annotated]
    stream = client.chat.completions.create(
        **ASKED, n=3, logprobs=True, top_logprobs=2, stream=True
    )
    for chunk in stream:
        choice = chunk.choices[0]
        text = choice.delta.content or ""
        content = choice.logprobs.content if choice.logprobs else []
        assert text == text_of(content)
        texts[choice.index] += text
        told[choice.index] += content
    assert texts == [choice.message.content for choice in whole.choices]
    assert told == [choice.logprobs.content for choice in whole.choices]
    assert all(len(token.top_logprobs) == 2 for tokens in told for token in tokens)


def test_nothing_else_of_the_answer_changes(client: Any) -> None:
    plain = client.chat.completions.create(**ASKED)
    told = client.chat.completions.create(**ASKED, logprobs=True)
    assert plain.choices[0].logprobs is None
    assert plain.choices[0].message == told.choices[0].message
    assert plain.choices[0].finish_reason == told.choices[0].finish_reason
    assert plain.usage == told.usage
    assert [token.top_logprobs for token in told.choices[0].logprobs.content] == [[]] * len(
        told.choices[0].logprobs.content
    )
    for chunk in client.chat.completions.create(**ASKED, stream=True):
        assert chunk.choices[0].logprobs is None


@pytest.mark.parametrize("stream", [False, True])
def test_what_a_stop_sequence_cut_has_none(client: Any, stream: bool) -> None:
    whole = client.chat.completions.create(**ASKED, logprobs=True).choices[0].logprobs.content
    assert len(whole) > 4, "a reply to cut"
    stop = text_of(whole[3:5])
    answer = client.chat.completions.create(**ASKED, logprobs=True, stop=stop, stream=stream)
    choices = [chunk.choices[0] for chunk in answer] if stream else [answer.choices[0]]
    told = [token for choice in choices if choice.logprobs for token in choice.logprobs.content]
    assert text_of(told) == text_of(whole)[: text_of(whole).index(stop)]
    assert told == whole[: len(told)]


@pytest.mark.parametrize("stream", [False, True])
def test_what_the_guard_says_has_none(client: Any, stream: bool) -> None:
    asked = ASKED | {"messages": [{"role": "user", "content": "我不想活了"}], "stream": stream}
    answer = client.chat.completions.create(**asked, logprobs=True, top_logprobs=3)
    choices = [chunk.choices[0] for chunk in answer] if stream else [answer.choices[0]]
    assert choices[-1].finish_reason == "content_filter"
    assert [choice.logprobs for choice in choices] == [None] * len(choices)


def test_alternatives_alone_are_refused_in_plain_words(client: Any) -> None:
    with pytest.raises(openai.BadRequestError) as refused:
        client.chat.completions.create(**ASKED, top_logprobs=2)
    assert refused.value.param == "top_logprobs"
    assert refused.value.type == "invalid_request_error"
    assert '"logprobs": true' in str(refused.value)
