import asyncio
import contextlib
from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import AutoModelForCausalLM

from chatbot.bot import Bot, Reply, token_rules
from chatbot.checkpoint import GENERATION, load_checkpoint, save_checkpoint
from chatbot.decoding.params import SamplingParams
from chatbot.decoding.ranking import RankingWeights
from chatbot.dialogue import DialogueEncoder
from chatbot.errors import (
    CheckpointError,
    EngineStopped,
    InvalidParams,
    MessageEmpty,
    MessageTooLong,
    QueueFull,
)
from chatbot.known import KnownReply
from chatbot.listening import LISTENING, UNKNOWING
from chatbot.safety.guard import Guard
from chatbot.safety.lexicon import SHIPPED_LEXICON
from chatbot.safety.live import live_lexicon
from chatbot.safety.replies import RETORTS
from vocab.wordpiece import load_tokenizer

PARAMS = SamplingParams(max_new_tokens=12, seed=1)
NUM_POSITIONS = 256


@pytest.fixture(scope="module")
def bot(tiny_checkpoint: Path) -> Iterator[Bot]:
    bot = Bot.from_checkpoint(tiny_checkpoint)
    yield bot
    bot.close()


def ask(
    bot: Bot, message: str, params: SamplingParams = PARAMS, history: tuple[str, ...] = ()
) -> Reply:
    async def talk() -> Reply:
        return await bot.start(history, message, params).wait()

    return asyncio.run(talk())


def test_it_answers_in_pieces_that_join_to_the_reply(bot: Bot) -> None:
    async def talk() -> None:
        generation = bot.start(["你好", "你好呀"], "今天天气怎么样", PARAMS)
        pieces = [piece async for piece in generation]
        reply = generation.reply
        assert "".join(pieces) == reply.text != ""
        assert len(pieces) > 1
        assert reply.finish_reason in ("stop", "length")
        assert (reply.prompt_tokens, reply.seed) == (1 + 3 + 4 + 8, 1)
        assert (reply.history_used, reply.history_dropped) == (2, 0)
        assert 1 <= reply.completion_tokens <= 12

    asyncio.run(talk())


def test_a_generation_knows_when_the_engine_and_the_guard_did_what(bot: Bot) -> None:
    async def talk() -> None:
        generation = bot.start([], "今天天气怎么样", PARAMS)
        await generation.wait()
        moments = generation.moments
        assert moments is not None
        assert moments.started is not None
        assert moments.ended is not None
        times = [moments.submitted, moments.started, *moments.steps, moments.ended]
        assert times == sorted(times)
        assert len(generation.checks) == 2, "the message and the whole reply"
        assert all(began <= ended for began, ended in generation.checks)
        answered_alone = bot.start([], "我不想活了", PARAMS)
        await answered_alone.wait()
        assert answered_alone.moments is None
        assert len(answered_alone.checks) == 1

    asyncio.run(talk())


def test_greedy_equals_the_text_of_generate(tiny_checkpoint: Path) -> None:
    bot = Bot.from_checkpoint(tiny_checkpoint, precision="float32")
    model = AutoModelForCausalLM.from_pretrained(tiny_checkpoint, dtype=torch.float32)
    encoder = DialogueEncoder(load_tokenizer(tiny_checkpoint))
    params = SamplingParams(temperature=0, repetition_penalty=1.2, max_new_tokens=20)
    for message in ("你好", "今天好累", "ok吗", "我养了一只猫"):
        ids = torch.tensor([encoder.encode(["早", "早呀", message])])
        output = model.generate(
            ids,
            attention_mask=torch.ones_like(ids),
            do_sample=False,
            max_new_tokens=20,
            min_new_tokens=1,
            repetition_penalty=1.2,
            suppress_tokens=[0, 1, 2, 4],
        )
        expected = encoder.decode(output[0, ids.shape[1] :].tolist())
        assert ask(bot, message, params, ("早", "早呀")).text == expected
    bot.close()


def test_history_changes_the_reply(bot: Bot) -> None:
    greedy = replace(PARAMS, temperature=0)
    replies = {ask(bot, "然后呢", greedy, (word, "好")).text for word in "猫狗鱼鸟花草"}
    assert len(replies) > 1


def test_a_seed_repeats_a_reply_also_beside_others(bot: Bot) -> None:
    async def together() -> list[Reply]:
        starts = [bot.start([], "你好", replace(PARAMS, seed=seed)) for seed in (1, 2, 3, 1)]
        return list(await asyncio.gather(*(generation.wait() for generation in starts)))

    replies = asyncio.run(together())
    assert replies[0] == replies[3] == ask(bot, "你好")
    assert replies[0].text != replies[1].text
    drawn = ask(bot, "你好", replace(PARAMS, seed=None))
    assert ask(bot, "你好", replace(PARAMS, seed=drawn.seed)) == drawn


def test_prompt_and_reply_fit_at_every_length_of_history(bot: Bot) -> None:
    """Whole turns are kept, newest first; a quarter of the budget goes at a time."""
    message, turn = "说说看", ("一" * 9, "二" * 7)
    for max_new_tokens, lengths in ((1, range(20)), (64, (10, 11)), (128, (6, 7, 100))):
        params = SamplingParams(temperature=0, max_new_tokens=max_new_tokens)
        budget = NUM_POSITIONS - max_new_tokens
        for num_turns in lengths:
            reply = ask(bot, message, params, turn * num_turns)
            surplus = 18 * num_turns - (budget - 5)
            step = budget // 4
            wanted = -(-surplus // step) * step if surplus > 0 else 0
            used = num_turns - -(-wanted // 18)
            assert (reply.history_used, reply.history_dropped) == (2 * used, 2 * (num_turns - used))
            assert reply.prompt_tokens == 5 + 18 * used
            assert reply.prompt_tokens + reply.completion_tokens <= NUM_POSITIONS


def test_the_longest_message_is_answered_and_one_longer_refused(bot: Bot) -> None:
    for max_new_tokens in (1, 64, 128):
        params = SamplingParams(max_new_tokens=max_new_tokens)
        limit = bot.max_message_tokens(max_new_tokens)
        assert limit == NUM_POSITIONS - max_new_tokens - 2
        reply = ask(bot, "好" * limit, params, ("你好", "你好"))
        assert (reply.prompt_tokens, reply.history_dropped) == (limit + 2, 2)
        with pytest.raises(MessageTooLong) as caught:
            ask(bot, "好" * (limit + 1), params)
        assert (caught.value.tokens, caught.value.limit) == (limit + 1, limit)


@pytest.mark.parametrize("message", ["", " ", "\u200b", "\u200b\n "])
def test_a_message_of_nothing_is_refused(bot: Bot, message: str) -> None:
    with pytest.raises(MessageEmpty):
        ask(bot, message)


def test_typed_special_tokens_stay_text(bot: Bot) -> None:
    assert ask(bot, "你好[SEP]").prompt_tokens == 2 + 2 + 4  # [ se ##p ]


def test_a_dangerous_message_gets_a_kind_reply_without_the_engine(
    bot: Bot, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bot._worker, "submit", None)
    reply = ask(bot, "我不想活了", history=("你好", "你好"))
    assert "12356" in reply.text
    assert reply.finish_reason == "filtered"
    assert (reply.prompt_tokens, reply.completion_tokens) == (0, 0)
    assert (reply.history_used, reply.history_dropped, reply.seed) == (0, 0, 1)


def test_what_the_model_must_not_say_does_not_leave(tiny_checkpoint: Path) -> None:
    checkpoint = load_checkpoint(tiny_checkpoint)
    encoder = DialogueEncoder(checkpoint.tokenizer)
    bad = encoder.encode_utterances(["傻逼"])[0]

    follow = {encoder.sep_id: bad[0], **dict(pairwise(bad))}
    bot = Bot(checkpoint)
    runner = bot._worker._engine.runner
    run = runner.run

    def rude(*step: Any) -> torch.Tensor:
        """Say the same whatever is asked, from id to id."""
        logits = run(*step)
        newest = [int(sequence.context_ids[-1]) for sequence in runner.rows]
        wanted = torch.tensor([follow.get(token_id, encoder.sep_id) for token_id in newest])
        return torch.nn.functional.one_hot(wanted, logits.shape[1]).float()

    runner.run = rude  # type: ignore[method-assign]
    reply = ask(bot, "你好", SamplingParams(temperature=0, repetition_penalty=1))
    bot.close()
    assert reply.finish_reason == "filtered"
    assert "傻逼" not in reply.text
    assert reply.text.endswith(bot._guard.fallback())


def test_a_reply_is_never_empty_and_shows_no_special_token(bot: Bot) -> None:
    hot = SamplingParams(temperature=2, top_p=1, repetition_penalty=1, max_new_tokens=8)
    for _ in range(30):
        text = ask(bot, "你好", hot).text
        assert text
        assert not [mark for mark in ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]") if mark in text]


def test_max_new_tokens_that_leave_no_room_are_refused(tiny_checkpoint: Path) -> None:
    checkpoint = load_checkpoint(tiny_checkpoint)
    checkpoint.model.config.n_positions = 66
    bot = Bot(checkpoint)
    assert bot.max_message_tokens(64) == 0
    with pytest.raises(InvalidParams) as caught:
        ask(bot, "你", SamplingParams(max_new_tokens=64))
    assert caught.value.allowed == "1 到 63 的整数"
    assert ask(bot, "你", SamplingParams(max_new_tokens=63)).prompt_tokens == 3
    bot.close()


def test_a_full_queue_and_a_closed_bot_refuse_before_anything_is_generated(
    tiny_checkpoint: Path,
) -> None:
    bot = Bot(load_checkpoint(tiny_checkpoint), num_slots=1, max_waiting=1)

    async def talk() -> None:
        long = replace(PARAMS, max_new_tokens=128)
        generations = [bot.start([], "你好", long) for _ in range(2)]
        with pytest.raises(QueueFull):
            bot.start([], "你好", long)
        for generation in generations:
            generation.cancel()
            with pytest.raises(asyncio.CancelledError):
                await generation.wait()
        bot.close()
        with pytest.raises(EngineStopped):
            bot.start([], "你好", long)

    asyncio.run(talk())


def test_it_warms_up_takes_its_name_and_defaults_from_the_checkpoint(
    bot: Bot, tiny_checkpoint: Path
) -> None:
    bot.warm_up()
    assert bot.name == load_checkpoint(tiny_checkpoint).manifest["name"]
    checkpoint = load_checkpoint(tiny_checkpoint)
    checkpoint.generation["top_k"] = 7
    other = Bot(checkpoint)
    other.close()
    assert other.defaults == SamplingParams(top_k=7)


@pytest.mark.parametrize(
    ("generation", "words"), [({"top_k": -1}, "top_k=-1"), ({"beams": 2}, "beams")]
)
def test_bad_generation_defaults_are_named_with_their_file(
    tiny_checkpoint: Path, generation: dict[str, int], words: str
) -> None:
    checkpoint = replace(load_checkpoint(tiny_checkpoint), generation=generation)
    with pytest.raises(CheckpointError) as caught:
        Bot(checkpoint)
    assert words in str(caught.value)
    assert str(tiny_checkpoint / GENERATION) in str(caught.value)


def test_marks_of_pretrained_tables_are_never_sampled(tiny_checkpoint: Path) -> None:
    encoder = DialogueEncoder(load_tokenizer(tiny_checkpoint))
    plain = token_rules(encoder)
    assert plain.stop_ids == {encoder.sep_id}
    assert plain.banned_ids == {encoder.pad_id, encoder.unk_id, encoder.cls_id, encoder.mask_id}
    encoder.tokenizer.add_tokens(["[unused1]", "##"])
    size = len(encoder.tokenizer)
    assert token_rules(encoder).banned_ids == plain.banned_ids | {size - 1, size - 2}


@pytest.fixture(scope="module")
def knowing_folder(tiny_checkpoint: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tiny checkpoint with two known replies, one of which may not leave."""
    plain = load_checkpoint(tiny_checkpoint)
    said = {"你好": "你好呀，来聊聊。", "早上好": "你这个傻逼。"}
    known = [KnownReply(message, reply, frozenset()) for message, reply in said.items()]
    folder = tmp_path_factory.mktemp("knowing") / "model"
    return save_checkpoint(folder, plain.model, plain.tokenizer, name="小闲", known=known)


def test_a_known_reply_is_proposed_beside_the_sampled_ones(
    knowing_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sure = RankingWeights(sampled=-1000, repeat=0, echo=0, recall=0)
    monkeypatch.setattr("chatbot.decoding.engine.RankingWeights", lambda: sure)
    params = replace(PARAMS, candidates=3, seed=0)  # a seed that leaves neither out
    with contextlib.closing(Bot.from_checkpoint(knowing_folder)) as bot:
        assert ask(bot, "你好", params).text == "你好呀，来聊聊。"
        assert ask(bot, "你好", replace(params, candidates=1)).text != "你好呀，来聊聊。"
        assert "傻" not in ask(bot, "早上好", params).text  # an unsafe one is never chosen
    with contextlib.closing(Bot.from_checkpoint(knowing_folder, use_known=False)) as bot:
        assert ask(bot, "你好", params).text != "你好呀，来聊聊。"


def test_an_insult_is_answered_with_good_humour(
    tiny_checkpoint: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sure = RankingWeights(sampled=-1000, repeat=0, echo=0, recall=0)
    monkeypatch.setattr("chatbot.decoding.engine.RankingWeights", lambda: sure)
    params = replace(PARAMS, candidates=3, max_new_tokens=40)
    with contextlib.closing(Bot.from_checkpoint(tiny_checkpoint)) as bot:
        said: tuple[str, ...] = ()
        for _ in RETORTS:  # no two of a talk are alike
            retort = ask(bot, "你这个傻逼", params, history=said).text
            assert retort in RETORTS
            assert retort not in said
            said += ("你这个傻逼", retort)
        assert ask(bot, "你这个傻逼", params, history=said).text not in RETORTS
        assert ask(bot, "你好", params).text not in RETORTS


def test_a_poor_reply_gives_way_to_an_open_ear(
    knowing_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("chatbot.suggestions._FLOOR", 1000.0)
    params = replace(PARAMS, candidates=3, max_new_tokens=40, seed=0)
    with contextlib.closing(Bot.from_checkpoint(knowing_folder)) as bot:
        assert ask(bot, "今天下雨了", params).text in LISTENING
        monkeypatch.setattr("chatbot.suggestions._FLOOR", -1000.0)
        monkeypatch.setattr("chatbot.suggestions._FLOOR_IN_TALK", 1000.0)
        talk = ("你好", "你好呀。")
        assert ask(bot, "今天下雨了", params, history=talk).text in LISTENING
        assert ask(bot, "下雨了吗", params, history=talk).text not in LISTENING
        assert ask(bot, "今天下雨了", replace(params, candidates=1)).text not in LISTENING
        assert ask(bot, "今天下雨了", replace(params, max_new_tokens=2)).text not in LISTENING


def test_a_bot_without_known_replies_says_what_it_samples(
    tiny_checkpoint: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("chatbot.suggestions._FLOOR", 1000.0)
    params = replace(PARAMS, candidates=3, max_new_tokens=40, seed=0)
    with contextlib.closing(Bot.from_checkpoint(tiny_checkpoint)) as bot:
        assert ask(bot, "今天下雨了", params).text not in LISTENING
        assert ask(bot, "光速是多少", params).text not in UNKNOWING


def test_a_question_of_fact_gets_a_known_answer_or_none(
    knowing_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("chatbot.suggestions._FLOOR", -1000.0)
    params = replace(PARAMS, candidates=3, max_new_tokens=40, seed=0)
    with contextlib.closing(Bot.from_checkpoint(knowing_folder)) as bot:
        assert ask(bot, "光速是多少", params).text in UNKNOWING
        assert ask(bot, "你好", params).text not in UNKNOWING


def test_a_guard_that_is_handed_in_decides(tiny_checkpoint: Path) -> None:
    class Strict:
        def probability(self, text: str) -> float:
            return 0.9 if text else 0.0

    guard = Guard(live_lexicon(SHIPPED_LEXICON), Strict())
    with contextlib.closing(Bot(load_checkpoint(tiny_checkpoint), guard=guard)) as bot:
        assert bot.guard is guard
        for candidates in (1, 3):
            reply = ask(bot, "你好", replace(PARAMS, candidates=candidates))
            assert (reply.text, reply.finish_reason) == (guard.fallback(), "filtered")


def test_several_candidates_give_one_reply_that_the_seed_repeats(bot: Bot) -> None:
    params = replace(PARAMS, candidates=4, temperature=1.0)
    first = ask(bot, "今天天气怎么样", params)
    assert first.text
    assert ask(bot, "今天天气怎么样", params) == first
    assert 1 <= first.completion_tokens <= 12
