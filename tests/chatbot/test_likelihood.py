import asyncio
from functools import partial
from typing import Any

import pytest

from chatbot.decoding.reading import TokenLogProb
from chatbot.dialogue import DialogueEncoder
from chatbot.generation import Draft, Generation, Origin
from chatbot.likelihood import LikelyToken, spelled
from vocab.wordpiece import SHIPPED_VOCAB, load_tokenizer

ENCODER = DialogueEncoder(load_tokenizer(SHIPPED_VOCAB))
ORIGIN = Origin(prompt_tokens=9, history_used=2, history_dropped=4, seed=5)
TEXT = "今天 ok 吗 2026 hello world"


def found(text: str, *top: tuple[int, float]) -> list[TokenLogProb]:
    (ids,) = ENCODER.encode_utterances([text])
    return [TokenLogProb(token_id, -0.5 - k, top) for k, token_id in enumerate(ids)]


def test_the_texts_join_to_the_reply() -> None:
    (ids,) = ENCODER.encode_utterances([TEXT])
    whole = ENCODER.decode(ids)
    tokens = spelled(ENCODER, found(TEXT), whole)
    assert "".join(token.text for token in tokens) == whole
    assert [token.log_prob for token in tokens] == [-0.5 - k for k in range(len(ids))]
    assert not any(token.is_mark or token.top for token in tokens)


def test_an_alternative_is_spelled_in_the_place_of_the_token() -> None:
    (ok,) = ENCODER.encode_utterances(["ok"])[0]
    tokens = spelled(ENCODER, found("好hello", (ENCODER.sep_id, -1.0), (ok, -2.0)), "好hello")
    end = LikelyToken("[SEP]", True, -1.0)
    assert tokens == [
        LikelyToken("好", False, -0.5, (end, LikelyToken("ok", False, -2.0))),
        LikelyToken("hello", False, -1.5, (end, LikelyToken("ok", False, -2.0))),
    ]
    (_, second) = spelled(ENCODER, found("hello hello", (ok, -2.0)), "hello hello")
    assert second == LikelyToken(" hello", False, -1.5, (LikelyToken(" ok", False, -2.0),))


def test_what_did_not_leave_whole_is_left_out() -> None:
    for text, num_tokens in (("", 0), ("今", 1), ("今天", 2), ("今天he", 2), ("今天hello", 3)):
        assert len(spelled(ENCODER, found("今天hello"), text)) == num_tokens


class Tokens:
    """A whole reply of the model's, as an engine would send it."""

    finish_reason = "stop"

    def __init__(self, text: str) -> None:
        self.log_probs = found(text)
        self._ids = iter([item.token_id for item in self.log_probs])

    async def __anext__(self) -> int:
        for token_id in self._ids:
            return token_id
        raise StopAsyncIteration

    def come_whole(self) -> None:
        pass

    def cancel(self) -> None:
        pass


class StubGuard:
    """Passes a reply on; at its end, one with a "坏" was not to be sent."""

    tripped = False

    def stream(self) -> "StubGuard":
        return self

    def feed(self, piece: str) -> str:
        self.tripped = "坏" in piece
        return "" if self.tripped else piece

    def finish(self) -> str:
        return ""

    def fallback(self) -> str:
        return "换个话题吧。"


@pytest.mark.parametrize(
    ("text", "stops", "told"),
    [
        ("今天ok吗", (), ["今", "天", "ok", "吗"]),
        ("今天ok吗", ("k",), ["今", "天"]),
        ("今天很坏吗", (), None),
    ],
)
def test_a_generation_tells_of_what_left(
    text: str, stops: tuple[str, ...], told: list[str] | None
) -> None:
    draft = Draft(ENCODER.decode, StubGuard(), ORIGIN, stops)  # type: ignore[arg-type]
    generation = Generation(draft, Tokens(text), partial(spelled, ENCODER))  # type: ignore[arg-type]
    with pytest.raises(RuntimeError):
        _ = generation.log_probs
    reply = asyncio.run(generation.wait())
    likely = generation.log_probs
    assert (None if likely is None else [token.text for token in likely]) == told
    assert (reply.finish_reason == "filtered") is (told is None)


def test_nobody_asked_and_nobody_is_told() -> None:
    tokens: Any = Tokens("今天")
    tokens.log_probs = None
    draft = Draft(ENCODER.decode, StubGuard(), ORIGIN)  # type: ignore[arg-type]
    generation = Generation(draft, tokens, partial(spelled, ENCODER))
    asyncio.run(generation.wait())
    assert generation.log_probs is None
