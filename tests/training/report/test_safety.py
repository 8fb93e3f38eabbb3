"""What a guard is shown, and the figures that come of it."""

import lzma
from pathlib import Path

import pytest

from chatbot.generation import Reply
from chatbot.safety.guard import Guard
from chatbot.safety.live import live_lexicon
from training.errors import CorpusError
from training.metrics.intervals import Share
from training.report.safety import (
    PROMPTS,
    Detection,
    SafetyFigures,
    SafetyMaterial,
    detect,
    measure_safety,
    read_evasions,
    read_lookalikes,
    read_rows,
    unsafe_replies,
)
from training.report.safety_card import safety_section
from training.respond import Response


class Judge:
    """Holds texts about pumpkins for offensive."""

    def probability(self, text: str) -> float:
        return 0.9 if "南瓜" in text else 0.1


@pytest.fixture
def guard(tmp_path: Path) -> Guard:
    """A guard that knows two bad words, one of them at one door only, and a judge."""
    lexicon = "insult\t坏蛋\nself_harm\t< 想死\nallow\t坏蛋糕\n"
    (tmp_path / "lexicon.tsv").write_text(lexicon, "utf-8")
    return Guard(live_lexicon(tmp_path / "lexicon.tsv"), Judge())


MATERIAL = SafetyMaterial(
    rows=[(True, "坏蛋"), (True, "南瓜"), (True, "西瓜"), (False, "坏蛋"), (False, "你好")],
    innocent=["你好", "想死你了", "坏蛋"],
    lookalikes=["坏蛋糕", "坏蛋卷", "不想死", "南瓜"],
    evasions={"insult": ["坏.蛋", "怀蛋"], "self_harm": ["想 死"]},
)


def test_every_figure_is_counted_at_its_door(guard: Guard) -> None:
    words = measure_safety(guard.without_classifier(), MATERIAL)
    assert words == SafetyFigures(
        detection=Detection(Share(1, 2), Share(1, 3)),
        innocent=Share(1, 3),  # an insult is the model's to answer
        lookalikes=Share(1, 4),
        lookalikes_out=Share(1, 4),
        evasions={"insult": Share(1, 2), "self_harm": Share(1, 1)},
        stopped=["想死你了", "坏蛋卷", "不想死"],
    )
    both = measure_safety(guard, MATERIAL)
    assert both.detection == detect(guard, MATERIAL.rows or ())
    assert both.detection == Detection(Share(2, 3), Share(2, 3))
    assert (both.lookalikes, both.lookalikes_out) == (Share(1, 4), Share(2, 4))
    assert both.innocent == words.innocent


def test_unsafe_replies_are_counted_before_the_filter_and_after_it(guard: Guard) -> None:
    def response(text: str, raw: str | None) -> Response:
        return Response(Reply(text, "stop", 1, 1, 0, 0, 1), raw)

    given = [response("换一个", "坏蛋"), response("你好", "你好"), response("当真", None)]
    assert unsafe_replies(guard, given) == (Share(1, 2), Share(0, 3))
    assert unsafe_replies(guard, [response("南瓜", "南瓜")]) == (Share(1, 1), Share(1, 1))


def test_the_section_has_a_column_a_guard_and_lists_what_was_stopped(guard: Guard) -> None:
    figures = {
        "只用词表": measure_safety(guard.without_classifier(), MATERIAL),
        "词表加分类器": measure_safety(guard, MATERIAL),
    }
    section = safety_section(figures, {"甲": (Share(3, 5), Share(0, 6))})
    assert "| | 条数 | 只用词表 | 条数 | 词表加分类器 |".replace("| |", "|  |") in section
    assert "| COLD：查准 | 2 | 50.0% [9.5%, 90.5%] | 3 | 66.7% [20.8%, 93.9%] |" in section
    assert "| 变体，合计，认出 | 3 | 66.7%" in section
    assert "| 甲 | 6 | 3 | 0 |" in section
    assert section.endswith("请读者判断：想死你了；坏蛋卷；不想死；南瓜。")


def test_without_rows_the_section_tells_how_to_get_them(guard: Guard) -> None:
    bare = SafetyMaterial(rows=None, innocent=["你好"], lookalikes=["早"], evasions={"x": ["坏蛋"]})
    section = safety_section({"只用词表": measure_safety(guard, bare)}, None)
    assert "查准 |" not in section
    assert "请读者判断" not in section
    assert "COLDataset（Apache-2.0）" in section


def test_rows_are_read_plain_and_compressed(tmp_path: Path) -> None:
    text = "1\t坏蛋\n\n0\t你好\t呀\n"
    (tmp_path / "a.tsv").write_text(text, "utf-8")
    with lzma.open(tmp_path / "a.tsv.xz", "wt", encoding="utf-8") as file:
        file.write(text)
    for name in ("a.tsv", "a.tsv.xz"):
        assert read_rows(tmp_path / name) == [(True, "坏蛋"), (False, "你好\t呀")]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("0\t好\n坏蛋\n", "a.tsv:2: 这一行须是“标签、制表符、文本"),
        ("0\t好\n2\t坏蛋\n", "a.tsv:2: 标签是“2”；须是 0"),
        ("\n", "a.tsv: 里面没有内容"),
    ],
)
def test_a_row_that_is_none_is_named(tmp_path: Path, text: str, told: str) -> None:
    (tmp_path / "a.tsv").write_text(text, "utf-8")
    with pytest.raises(CorpusError, match=told):
        read_rows(tmp_path / "a.tsv")
    with pytest.raises(CorpusError, match="none: 找不到文件"):
        read_rows(tmp_path / "none")


def test_evasions_are_grouped_and_comments_left_out(tmp_path: Path) -> None:
    (tmp_path / "a.tsv").write_text("# 变体\ninsult\t坏.蛋\nhate\t甲\ninsult\t坏 蛋\n", "utf-8")
    assert read_evasions(tmp_path / "a.tsv") == {"insult": ["坏.蛋", "坏 蛋"], "hate": ["甲"]}
    (tmp_path / "b.txt").write_text("# 仿样\n操场\n\n鸡蛋\n", "utf-8")
    assert read_lookalikes(tmp_path / "b.txt") == ["操场", "鸡蛋"]


def test_the_project_s_own_sets_can_be_read() -> None:
    assert len(read_lookalikes(PROMPTS / "lookalikes.txt")) >= 200
    assert sum(map(len, read_evasions(PROMPTS / "evasions.tsv").values())) >= 100
