"""How the lines of a lexicon are read, and what is said about those that cannot be."""

from pathlib import Path

import pytest

from chatbot.safety.entries import CATEGORIES, Entry, LexiconError, files_of, read_entries
from chatbot.safety.lexicon import SHIPPED_LEXICON


def read(source: Path, **files: str) -> list[Entry]:
    for name, text in files.items():
        (source / f"{name}.txt").write_text(text, encoding="utf-8")
    return list(read_entries(source, {}))


def test_comments_blank_lines_and_sides(tmp_path: Path) -> None:
    found = read(tmp_path, insult="# 注释\n\n坏蛋  # 也是注释\n", self_harm="< 想死\n> 死了算\n")
    assert [(entry.kind, entry.sides, set(entry.phrases)) for entry in found] == [
        ("self_harm", ("input",), {"想死"}),
        ("self_harm", ("output",), {"死了算"}),
        ("insult", ("input", "output"), {"坏蛋"}),
    ]
    assert found[2].where == f"{tmp_path / 'insult.txt'}:3"


def test_phrases_are_normalised_like_texts(tmp_path: Path) -> None:
    (entry,) = read(tmp_path, insult="[壞环] 蛋")
    assert entry.phrases == {"坏蛋", "环蛋"}


def test_only_marked_lines_are_respelled(tmp_path: Path) -> None:
    plain, marked, of_input = read(tmp_path, insult="傻逼\n~ 煞逼\n< ~ 操你妈\n")
    assert plain.respelled == frozenset()
    assert "sha逼" in marked.respelled
    assert "煞逼" not in marked.respelled
    assert "caonima" in of_input.respelled
    assert of_input.sides == ("input",)


def test_lists_are_known_in_all_files_and_may_use_each_other(tmp_path: Path) -> None:
    lists = "人 = 你|他\n骂 = 笨蛋\n骂 = 傻子\n句 = {人}是{骂}\n"
    (entry,) = read(tmp_path, insult="{句}吧", lists=lists)
    assert entry.phrases == {"你是笨蛋吧", "你是傻子吧", "他是笨蛋吧", "他是傻子吧"}


def test_a_single_file_names_the_kind_of_every_line(tmp_path: Path) -> None:
    path = tmp_path / "mine.txt"
    text = "# 我的\ninsult\t坏蛋\nallow\t坏蛋糕\n\nlists\t甲 = 一|二\nillegal\t< 卖{甲}号\n"
    path.write_text(text, encoding="utf-8-sig")
    assert [(entry.kind, set(entry.phrases)) for entry in read_entries(path, {})] == [
        ("insult", {"坏蛋"}),
        ("allow", {"坏蛋糕"}),
        ("illegal", {"卖一号", "卖二号"}),
    ]


@pytest.mark.parametrize(
    ("name", "line", "told"),
    [
        ("insult", "···", "没有字，或跨了两个分句"),
        ("allow", "坏，蛋", "没有字，或跨了两个分句"),
        ("hate", ">", "没有字，或跨了两个分句"),
        ("hate", "坏(蛋|…)", "没有字，或跨了两个分句"),
        ("insult", "坏(蛋", "没有与它成对的括号；请改正这一行"),
        ("insult", "{没有}", "没有叫“没有”的名单；请改正这一行"),
        ("lists", "甲", "名单要写成“名字 = 甲|乙|丙”"),
    ],
)
def test_a_line_that_cannot_be_understood_is_named(
    tmp_path: Path, name: str, line: str, told: str
) -> None:
    with pytest.raises(LexiconError) as caught:
        read(tmp_path, **{name: f"# 一\n{line}\n"})
    assert str(caught.value).startswith(f"{tmp_path / name}.txt:2: ")
    assert told in str(caught.value)


@pytest.mark.parametrize("line", ["坏蛋", "坏蛋\tinsult", "insult\t", "\t坏蛋"])
def test_a_line_without_a_kind_is_named(tmp_path: Path, line: str) -> None:
    path = tmp_path / "mine.txt"
    path.write_text(f"insult\t笨蛋\n{line}\n", encoding="utf-8")
    with pytest.raises(LexiconError, match=r"mine\.txt:2: 须是“类别、制表符、词”.*personal_data"):
        list(read_entries(path, {}))


def test_a_missing_or_unreadable_source_is_named(tmp_path: Path) -> None:
    with pytest.raises(LexiconError, match="none: 找不到词表；请检查路径"):
        read(tmp_path / "none")
    (tmp_path / "insult.txt").write_bytes("坏蛋".encode("gb18030"))
    with pytest.raises(LexiconError, match=r"insult\.txt: 读不了.*请存成 UTF-8 文本"):
        read(tmp_path)


def test_the_shipped_lexicon_has_a_file_for_every_kind() -> None:
    assert all(path.is_file() for path in files_of(SHIPPED_LEXICON))
    assert {entry.kind for entry in read_entries(SHIPPED_LEXICON, {})} == {*CATEGORIES, "allow"}
