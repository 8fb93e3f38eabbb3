"""The data gate: what it cuts, what it drops, and how it counts."""

from pathlib import Path

import pytest

from chatbot.safety.guard import Guard
from training.clean import Cleaner, CleanRules
from training.corpora import Dialogue


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
        (("好" * 2 + "呀好" * 200, "好"), "单句过长"),
        (("我的手机是13800138000", "好"), "含个人信息"),
        (("打13800138000吧", "好"), "含个人信息"),
        (("证号11010519491231002X", "好"), "含个人信息"),
        (("邮箱是zhang.san@example.com", "好"), "含个人信息"),
        (("写信到a1@b-c.cn", "好"), "含个人信息"),
    ],
)
def test_what_is_dropped_and_why(dialogue: tuple[str, ...], reason: str) -> None:
    cleaner, kept = clean(dialogue, ("你好", "好"))
    assert kept == [("你好", "好")]
    assert cleaner.dropped == {reason: 1}
    assert cleaner.num_kept == 1


@pytest.mark.parametrize("text", ["138001380001", "20260101", "1.5亿", "@小明 在吗", "a@b"])
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
