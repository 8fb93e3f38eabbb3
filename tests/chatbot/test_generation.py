import asyncio
from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chatbot.dialogue import DialogueEncoder
from chatbot.errors import GenerationFailed
from chatbot.generation import Draft, Generation, Origin, Reply
from chatbot.safety.guard import Guard
from vocab.wordpiece import SHIPPED_VOCAB, load_tokenizer

ENCODER = DialogueEncoder(load_tokenizer(SHIPPED_VOCAB))
ORIGIN = Origin(prompt_tokens=9, history_used=2, history_dropped=4, seed=5)


class BlockingFilter:
    """Holds back one character; trips when it sees X."""

    def __init__(self) -> None:
        self.tripped = False
        self._held = ""

    def feed(self, piece: str) -> str:
        text = self._held + piece
        safe, found, _ = text.partition("x")
        if found:
            self.tripped, self._held = True, ""
            return safe
        self._held = text[-1:]
        return text[:-1]

    def finish(self) -> str:
        return self._held


class StubGuard:
    def stream(self) -> BlockingFilter:
        return BlockingFilter()

    def fallback(self) -> str:
        return "换个话题吧。"


class Tokens:
    """What an engine would send."""

    def __init__(self, ids: Sequence[int], reason: str | None, error: Exception | None = None):
        self._ids = list(ids)
        self._error = error
        self.finish_reason = reason
        self.num_read = 0
        self.num_cancels = 0
        self.comes_whole = False

    async def __anext__(self) -> int:
        if self._ids:
            self.num_read += 1
            return self._ids.pop(0)
        if self._error is not None:
            raise self._error
        raise StopAsyncIteration

    def come_whole(self) -> None:
        self.comes_whole = True

    def cancel(self) -> None:
        self.num_cancels += 1


def ids_of(text: str) -> list[int]:
    return ENCODER.encode_utterances([text])[0]


def generate(tokens: Tokens) -> Generation:
    return Generation(Draft(ENCODER.decode, StubGuard(), ORIGIN), tokens)  # type: ignore[arg-type]


def read(generation: Generation) -> list[str]:
    async def pieces() -> list[str]:
        return [piece async for piece in generation]

    return asyncio.run(pieces())


@pytest.mark.parametrize("reason", ["stop", "length"])
def test_pieces_join_to_the_reply(reason: str) -> None:
    generation = generate(Tokens(ids_of("今天 ok 吗 2026 hello world"), reason))
    pieces = read(generation)
    text = "今天ok吗2026 hello world"
    assert "".join(pieces) == text
    assert len(pieces) > 5
    assert all(pieces)
    num_tokens = len(ids_of(text))
    assert generation.reply == Reply(text, reason, 9, num_tokens, 2, 4, 5)  # type: ignore[arg-type]


@settings(max_examples=100, deadline=None)
@given(st.lists(st.sampled_from(range(5, len(ENCODER.tokenizer))), min_size=1, max_size=12))
def test_text_id_by_id_equals_text_at_once(token_ids: list[int]) -> None:
    draft = Draft(ENCODER.decode, Guard.default(), ORIGIN)
    assert "".join(map(draft._new_text, token_ids)) == ENCODER.decode(token_ids)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("x你好", "换个话题吧。"),
        ("你真x的", "你真……换个话题吧。"),
        ("你好。x的", "你好。换个话题吧。"),
        ("真的吗？x", "真的吗？换个话题吧。"),
    ],
)
def test_a_filtered_reply_goes_on_with_a_kind_one(text: str, shown: str) -> None:
    tokens = Tokens(ids_of(text), "stop")
    generation = generate(tokens)
    assert "".join(read(generation)) == shown
    assert generation.reply.text == shown
    assert generation.reply.finish_reason == "filtered"
    assert (
        generation.reply.completion_tokens == tokens.num_read == len(ids_of(text.split("x")[0])) + 1
    )
    assert tokens.num_cancels == 1


def test_what_the_filter_held_back_comes_at_the_end() -> None:
    assert read(generate(Tokens(ids_of("好的"), "stop"))) == ["好", "的"]


def test_a_fixed_reply_needs_no_engine() -> None:
    draft = Draft(ENCODER.decode, StubGuard(), ORIGIN)  # type: ignore[arg-type]
    draft.stand_in("我在呢。")
    generation = Generation(draft, None)
    assert read(generation) == ["我在呢。"]
    assert read(generation) == []
    assert (generation.reply.text, generation.reply.finish_reason) == ("我在呢。", "filtered")
    generation.cancel()


def test_there_is_no_reply_before_the_end_and_none_after_a_cancel() -> None:
    async def talk() -> None:
        generation = generate(Tokens(ids_of("今天天气"), "cancelled"))
        with pytest.raises(RuntimeError):
            _ = generation.reply
        assert await anext(generation) == "今"
        with pytest.raises(RuntimeError):
            _ = generation.reply
        with pytest.raises(asyncio.CancelledError):
            await generation.wait()
        with pytest.raises(RuntimeError):
            _ = generation.reply

    asyncio.run(talk())


def test_a_failure_reaches_the_reader_and_leaves_no_reply() -> None:
    generation = generate(Tokens(ids_of("今天"), "failed", GenerationFailed("坏了")))
    with pytest.raises(GenerationFailed):
        read(generation)
    with pytest.raises(RuntimeError):
        _ = generation.reply


def test_wait_gives_the_whole_reply_as_often_as_asked() -> None:
    generation = generate(Tokens(ids_of("好的"), "stop"))

    async def talk() -> None:
        assert await anext(generation) == "好"
        reply = await generation.wait()
        assert reply.text == "好的"
        assert await generation.wait() is reply is generation.reply

    asyncio.run(talk())


@pytest.mark.parametrize(("stops", "whole"), [((), True), (("完",), False)])
def test_who_waits_is_woken_once_unless_the_text_may_end_it(
    stops: tuple[str, ...], whole: bool
) -> None:
    tokens = Tokens(ids_of("你好"), "stop")
    draft = Draft(ENCODER.decode, StubGuard(), ORIGIN, stops)  # type: ignore[arg-type]
    generation = Generation(draft, tokens)  # type: ignore[arg-type]
    assert asyncio.run(generation.wait()).text == "你好"
    assert tokens.comes_whole is whole
