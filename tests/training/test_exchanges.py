"""What is asked: the held-out side, its exchanges, draws, and prompts of one's own."""

from pathlib import Path

import pytest

from training.errors import CorpusError
from training.exchanges import (
    Exchange,
    exchanges_of,
    held_out_dialogues,
    last_dialogues,
    read_contexts,
    read_openers,
    sample,
)
from training.split import is_held_out


def write(path: Path, text: str) -> Path:
    path.write_text(text, encoding="utf-8")
    return path


def test_the_folder_of_held_out_dialogues_is_the_held_out_side(corpus: Path) -> None:
    found = [dialogue.utterances for dialogue in held_out_dialogues(corpus)]
    assert found == [("你好呀", "你好！"), ("今天天气真好", "出去走走吧。", "好的", "真好。")]


def test_without_such_a_folder_the_opener_s_hash_decides(tmp_path: Path) -> None:
    openers = [f"{number}号" for number in range(100)]
    write(tmp_path / "a.txt", "".join(f"{opener}\n好的。\n\n" for opener in openers))
    write(tmp_path / "generated_a.txt", "".join(f"新{opener}\n好的。\n\n" for opener in openers))
    found = [dialogue.utterances[0] for dialogue in held_out_dialogues(tmp_path)]
    assert found == [opener for opener in openers if is_held_out([opener])] != []


def test_the_data_gate_is_passed(tmp_path: Path) -> None:
    (tmp_path / "held_out").mkdir()
    text = "你  好\n好的。\n\n我的邮箱a@b.com\n好的。\n"
    write(tmp_path / "held_out" / "a.txt", text)
    assert [item.utterances for item in held_out_dialogues(tmp_path)] == [("你 好", "好的。")]
    write(tmp_path / "held_out" / "a.txt", "我的邮箱a@b.com\n好的。\n")
    with pytest.raises(CorpusError, match="没有留出的对话；"):
        held_out_dialogues(tmp_path)
    with pytest.raises(CorpusError, match="一段不剩；"):
        last_dialogues(tmp_path / "held_out" / "a.txt")


def test_the_last_dialogues_of_a_file(tmp_path: Path) -> None:
    path = write(tmp_path / "a.txt", "".join(f"第{n}句\n好。\n\n" for n in range(9)))
    found = last_dialogues(path, 3)
    assert [dialogue.utterances[0] for dialogue in found] == ["第6句", "第7句", "第8句"]
    assert len(last_dialogues(path)) == 9


def test_an_exchange_is_a_message_its_history_and_its_reply(tmp_path: Path) -> None:
    path = write(tmp_path / "b.txt", "甲\n乙\n\n一\n二\n三\n四\n五\n")
    dialogues = last_dialogues(path)
    assert list(exchanges_of(dialogues)) == [
        Exchange((), "甲", "乙", path, 1),
        Exchange((), "一", "二", path, 4),
        Exchange(("一", "二"), "三", "四", path, 6),
    ]


def test_a_sample_is_seeded_without_repeats_and_in_order() -> None:
    items = list(range(100))
    drawn = sample(items, 10, 0)
    assert drawn == sorted(set(drawn)) == sample(items, 10, 0) != sample(items, 10, 1)
    assert len(drawn) == 10
    assert sample(items, 100, 0) == sample(items, 1000, 0) == items


def test_openers_are_lines(tmp_path: Path) -> None:
    path = write(tmp_path / "o.txt", "你好\n\n  在吗 \n")
    assert read_openers(path) == [
        Exchange((), "你好", "", path, 1),
        Exchange((), "在吗", "", path, 3),
    ]


def test_contexts_are_blocks_that_end_with_the_person(tmp_path: Path) -> None:
    path = write(tmp_path / "c.txt", "\n你好\n你好呀\n我饿了\n\n \n在吗\n\n")
    assert read_contexts(path) == [
        Exchange(("你好", "你好呀"), "我饿了", "", path, 4),
        Exchange((), "在吗", "", path, 7),
    ]


def test_broken_prompts_are_told_with_line_and_remedy(tmp_path: Path) -> None:
    empty = write(tmp_path / "empty.txt", "\n \n")
    with pytest.raises(CorpusError, match="没有开场白；请一行写一句"):
        read_openers(empty)
    with pytest.raises(CorpusError, match="没有上文；请一行写一句，段与段之间空一行"):
        read_contexts(empty)
    even = write(tmp_path / "even.txt", "在吗\n\n你好\n你好呀\n")
    with pytest.raises(CorpusError, match=r"even\.txt:3: 这一段有 2 句；.*须是单数句"):
        read_contexts(even)
    with pytest.raises(CorpusError, match="找不到文件；"):
        read_openers(tmp_path / "none.txt")
    (tmp_path / "gbk.txt").write_bytes("你好\n".encode("gbk"))
    with pytest.raises(CorpusError, match=r"gbk\.txt:1: 这一行不是 UTF-8"):
        read_contexts(tmp_path / "gbk.txt")
