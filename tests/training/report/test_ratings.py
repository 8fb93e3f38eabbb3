"""Rating sheets: blind, shuffled, written and read back, and every way to spoil one."""

from pathlib import Path

import pytest

from training.exchanges import Exchange
from training.report.ratings import (
    SheetError,
    make_sheet,
    read_key,
    read_sheet,
    write_key,
    write_sheet,
)

EXCHANGES = [
    Exchange((), "你好", "", Path("a.txt"), 1),
    Exchange(("在吗", "在呀"), "我\t饿 了", "", Path("a.txt"), 3),
    *(Exchange((), f"第{n}句", "", Path("a.txt"), n) for n in range(20)),
]
REPLIES = {"新": [f"新{n}" for n in range(22)], "旧": [f"旧{n}" for n in range(22)]}
HEADER = "id\tcontext\treply\trating\n"


def test_every_reply_is_there_once_and_the_key_knows_whose_it_is() -> None:
    rows, key = make_sheet(EXCHANGES, REPLIES, seed=0)
    assert [row.id for row in rows] == [f"r{n:04d}" for n in range(1, 45)] == list(key)
    contexts = {"人：你好": 0, "人：在吗 ｜ 小闲：在呀 ｜ 人：我 饿 了": 1}
    contexts |= {f"人：第{n}句": n + 2 for n in range(20)}
    found = {(key[row.id], contexts[row.context], row.reply) for row in rows}
    assert found == {(name, n, f"{name}{n}") for name in REPLIES for n in range(22)}
    assert all(row.rating is None for row in rows)


def test_the_order_is_shuffled_by_the_seed_and_betrays_no_system() -> None:
    _, key = make_sheet(EXCHANGES, REPLIES, seed=0)
    assert make_sheet(EXCHANGES, REPLIES, seed=0)[1] == key
    assert make_sheet(EXCHANGES, REPLIES, seed=1)[1] != key
    systems = list(key.values())
    assert [set(systems[start : start + 11]) for start in range(0, 44, 11)] == [{"新", "旧"}] * 4


def test_a_sheet_is_read_as_it_was_written(tmp_path: Path) -> None:
    odd = {"甲": ['"引号"', "=_=", "两\n行", "a\tb", *("嗯" for _ in range(18))]}
    rows, key = make_sheet(EXCHANGES, odd, seed=0)
    write_sheet(tmp_path / "s.tsv", rows)
    assert (tmp_path / "s.tsv").read_bytes().startswith(b"\xef\xbb\xbfid\t")
    read = read_sheet(tmp_path / "s.tsv")
    assert [(r.id, r.context, r.reply, r.rating) for r in read] == [
        (r.id, r.context, r.reply, None) for r in rows
    ]
    assert {"两 行", "a b", '"引号"', "=_="} < {row.reply for row in read}
    assert [row.line for row in read] == list(range(2, 24))
    write_key(tmp_path / "k.json", key)
    assert read_key(tmp_path / "k.json") == key


def test_ratings_may_be_written_by_any_editor(tmp_path: Path) -> None:
    path = tmp_path / "s.tsv"
    text = HEADER + "r1\t人：a\tb\t2\r\nr2\t人：c\td\t １ \r\n\r\nr3\t人：e\tf\r\n"
    path.write_text(text, encoding="utf-8", newline="")
    assert [row.rating for row in read_sheet(path)] == [2, 1, None]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", r"s\.tsv:1: 第一行须是 id、context、reply、rating，用制表符分隔；"),
        ("id,context,reply,rating\n", r"s\.tsv:1: 第一行须是"),
        (HEADER, "没有要评的回复；"),
        (HEADER + "r1\ta\tb\t3\n", r"s\.tsv:2: 评分是“3”；只能填 0、1、2"),
        (HEADER + "r1\ta\tb\t2\nr2\ta\tb\t好\n", r"s\.tsv:3: 评分是“好”；"),
        (HEADER + "r1\ta\tb\t-1\n", r"s\.tsv:2: 评分是“-1”；"),
        (HEADER + "r1\ta\n", r"s\.tsv:2: 这一行有 2 格，须是 4 格；"),
        (HEADER + "r1\ta\tb\t2\t好\n", r"s\.tsv:2: 这一行有 5 格，须是 4 格；"),
        (HEADER + "r1\ta\tb\t2\nr1\ta\tb\t1\n", r"s\.tsv:3: 编号 r1 与第 2 行重复；"),
    ],
)
def test_a_spoilt_sheet_is_told_with_line_and_remedy(tmp_path: Path, text: str, told: str) -> None:
    (tmp_path / "s.tsv").write_text(text, encoding="utf-8")
    with pytest.raises(SheetError, match=told):
        read_sheet(tmp_path / "s.tsv")


def test_a_sheet_that_is_none_is_told(tmp_path: Path) -> None:
    with pytest.raises(SheetError, match=r"none\.tsv: 找不到评分表；"):
        read_sheet(tmp_path / "none.tsv")
    with pytest.raises(SheetError, match="读不了"):
        read_sheet(tmp_path)
    (tmp_path / "s.tsv").write_text(HEADER, encoding="utf-16")
    with pytest.raises(SheetError, match="不是 UTF-8；请另存为"):
        read_sheet(tmp_path / "s.tsv")


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"systems": []}', '{"systems": {"r1": 1}}'])
def test_a_key_that_is_none_is_told(tmp_path: Path, text: str) -> None:
    (tmp_path / "k.json").write_text(text, encoding="utf-8")
    with pytest.raises(SheetError, match="不是评分的对照表；"):
        read_key(tmp_path / "k.json")
    with pytest.raises(SheetError, match="找不到对照表；"):
        read_key(tmp_path / "none.json")
