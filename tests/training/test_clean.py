"""The data gate: what it cuts, what it drops, and how it counts."""

import sys
from itertools import islice
from pathlib import Path

import pytest

from chatbot.safety.guard import Guard
from training.clean import Cleaner, CleanRules
from training.corpora import Dialogue
from training.errors import ConfigError


def clean(
    *dialogues: tuple[str, ...], rules: CleanRules | None = None
) -> tuple[Cleaner, list[tuple[str, ...]]]:
    cleaner = Cleaner(rules)
    stream = [Dialogue(texts, Path("a.txt"), line) for line, texts in enumerate(dialogues, 1)]
    return cleaner, [dialogue.utterances for dialogue in cleaner.clean(stream)]


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("看 https://example.com/a?b=1 吧", "看 吧"),
        ("www.example.com真好", "真好"),
        ("回复@小明: 你好", "你好"),
        ("你好@小明 在吗", "你好在吗"),
        ("#今天真好#天气好", "天气好"),
        ("哈哈哈哈哈哈哈哈哈", "哈哈哈哈哈"),
        ("哈哈哈哈哈", "哈哈哈哈哈"),
        ("好的呀" * 9, "好的呀" * 3),
        ("今天真好[哈哈]", "今天真好"),
        ("[语音]", "[语音]"),
        ("转发微博 你好", "你好"),
        ("别@我", "别@我"),
        ("你  好\u3000呀\t！", "你 好 呀 ！"),
        ("e\u0301", "é"),
        ("（微笑）你好", "（微笑）你好"),
    ],
)
def test_what_is_cut(text: str, kept: str) -> None:
    assert clean((text, "好"))[1] == [(kept, "好")]


@pytest.mark.parametrize("text", ["（微笑）你好", "你(笑)好", "(点头) 你好"])
def test_stage_directions_are_cut_on_demand(text: str) -> None:
    rules = CleanRules(drop_stage_directions=True)
    assert clean((text, "好"), rules=rules)[1] == [("你好", "好")]


@pytest.mark.parametrize(
    ("dialogue", "reason"),
    [
        (("你好", "https://example.com"), "清洗后有空句"),
        (("@小明", "好"), "清洗后有空句"),
        (("".join(map(chr, range(0x4E00, 0x4FA0))), "好"), "单句过长"),
        (("我的手机是13800138000", "好"), "含个人信息"),
        (("打13800138000吧", "好"), "含个人信息"),
        (("证号11010519491231002X", "好"), "含个人信息"),
        (("邮箱是zhang.san@example.com", "好"), "含个人信息"),
        (("写信到a1@b-c.cn", "好"), "含个人信息"),
        (("打138 0013 8000吧", "好"), "含个人信息"),
        (("打+86-138-0013-8000吧", "好"), "含个人信息"),
        (("我是１３８００１３８０００", "好"), "含个人信息"),
        (("一三八零零一三八零零零", "好"), "含个人信息"),
        (("店里电话010-12345678", "好"), "含个人信息"),
        (("卡号6222 0212 3456 7890 123", "好"), "含个人信息"),
        (("我QQ是123456789", "好"), "含个人信息"),
        (("微信号：xiao_xian01", "好"), "含个人信息"),
        (("你好", "加我微信abc详谈"), "广告"),
        (("正品代购，全场包邮", "好"), "广告"),
        (("在吗", "在。", "在吗", "在。", "在吗", "在。"), "反复说同一句"),
    ],
)
def test_what_is_dropped_and_why(dialogue: tuple[str, ...], reason: str) -> None:
    cleaner, kept = clean(dialogue, ("你好", "好"))
    assert kept == [("你好", "好")]
    assert cleaner.dropped == {reason: 1}
    assert cleaner.num_kept == 1


@pytest.mark.parametrize(
    "text", ["138001380001", "20260101", "1.5亿", "@小明 在吗", "a@b", "微信好友", "加微信吗"]
)
def test_other_numbers_and_mentions_are_no_personal_data(text: str) -> None:
    assert len(clean((f"好{text}好", "好"))[1]) == 1


def test_self_harm_is_dropped_only_on_demand() -> None:
    dialogue = ("我不想活了", "我在呢，可以和我说说。")
    assert clean(dialogue)[1] == [dialogue]
    cleaner, kept = clean(dialogue, rules=CleanRules(drop_self_harm=True))
    assert (kept, cleaner.dropped) == ([], {"谈及自伤": 1})


def test_only_what_the_bot_says_must_be_safe(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Guard, "check_output", lambda _, text: "坏话" not in text)
    cleaner, kept = clean(("坏话", "不说这个。"), ("你好", "坏话"), ("a", "b", "c", "坏话呀"))
    assert kept == [("坏话", "不说这个。")]
    assert cleaner.dropped == {"回答不安全": 2}


def test_exact_repeats_are_dropped_after_cleaning() -> None:
    dialogue = ("你好", "你好呀")
    other = ("你好你好", "呀")  # the same characters, divided otherwise
    cleaner, kept = clean(dialogue, dialogue, (" 你好", "你好呀 "), other, ("你好", "在"))
    assert kept == [dialogue, other, ("你好", "在")]
    assert cleaner.dropped == {"完全重复": 2}


def test_repeats_are_known_over_several_streams() -> None:
    cleaner = Cleaner()
    stream = [Dialogue(("你好", "好"), Path("a.txt"), 1)]
    assert len(list(cleaner.clean(stream))) == 1
    assert list(cleaner.clean(stream)) == []


def test_the_place_of_a_dialogue_is_kept() -> None:
    (found,) = Cleaner().clean([Dialogue((" 你好", "好"), Path("b.txt"), 7)])
    assert found == Dialogue(("你好", "好"), Path("b.txt"), 7)


def test_the_longest_utterance_that_passes() -> None:
    rules = CleanRules(max_characters=3)
    cleaner, kept = clean(("一二三", "好"), ("一二三四", "好"), rules=rules)
    assert kept == [("一二三", "好")]
    assert cleaner.dropped == {"单句过长": 1}


LONG = ("周末我和妹妹去了江边的公园放风筝，风大得线都断了", "那风筝飞到哪儿去了？有没有去追？")


def test_near_duplicates_are_dropped_on_demand_and_generated_ones_are_not() -> None:
    again = (LONG[0] + "！", LONG[1] + "呀")
    other = ("周末我和弟弟去了山上的寺庙看红叶，人多得挤不动", "那拍到好看的照片了吗？发我瞧瞧。")
    assert clean(LONG, again)[1] == [LONG, again]
    rules = CleanRules(drop_near_duplicates=True)
    cleaner, kept = clean(LONG, again, other, rules=rules)
    assert (kept, cleaner.dropped) == ([LONG, other], {"近似重复": 1})
    stream = [Dialogue(texts, Path("generated_a.txt"), 1) for texts in (LONG, again)]
    assert len(list(Cleaner(rules).clean(stream))) == 2


def test_generic_replies_are_capped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("training.clean._FIRST_REPLIES", 10)
    dialogues = [(f"第{n}句", "哈哈哈") for n in range(9)] + [("在吗", "刚下班，怎么啦？")]
    cleaner, kept = clean(*dialogues, rules=CleanRules(generic_share=0.3))
    assert kept == [*dialogues[:3], dialogues[-1]]
    assert cleaner.dropped == {"空话太多": 6}
    with pytest.raises(ConfigError, match="generic_share=2 不可用；须在 0 和 1 之间"):
        CleanRules(generic_share=2)


def test_what_was_cut_is_counted_and_examples_are_kept() -> None:
    cleaner = Cleaner(num_examples=1)
    texts = [("看www.a.com吧", "好"), ("打13800138000吧", "好"), ("打13900139000吧", "好")]
    stream = [Dialogue(item, Path("a.txt"), line) for line, item in enumerate(texts, 1)]
    assert len(list(cleaner.clean(stream))) == 1
    assert +cleaner.cut == {"网址": 1}
    assert cleaner.examples == {"含个人信息": [stream[1]]}


def test_memory_does_not_grow_with_the_corpus() -> None:
    """What the gate remembers of ten thousand dialogues is as large as before the first."""
    cleaner = Cleaner(CleanRules(drop_near_duplicates=True, generic_share=0.1))

    def remembered() -> int:
        parts = (cleaner._seen, cleaner._near._bands)
        counters = (cleaner.dropped, cleaner.cut, cleaner.examples)
        return sum(len(part._bits) for part in parts) + sum(map(sys.getsizeof, counters))

    stream = (Dialogue((f"第{n}句话", f"这是第{n}个回答"), Path("a.txt"), n) for n in range(2000))
    assert sum(1 for _ in cleaner.clean(islice(stream, 500))) > 100
    before = remembered()
    assert sum(1 for _ in cleaner.clean(stream)) > 500
    assert remembered() == before
