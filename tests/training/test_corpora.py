"""Every corpus format, plain and compressed, and what is said of a broken one."""

import gzip
import json
import lzma
from collections.abc import Callable
from pathlib import Path

import pytest

from training.corpora import GENERATED, corpus_files, is_generated, read_dialogues, read_texts
from training.errors import CorpusError

DIALOGUES = [
    ("你好", "你好呀！"),
    ("今天好累", "早点睡吧。", "好的", "晚安～"),
    ('他说"走"', "😂ok"),
]
MESSAGES = [
    {
        "messages": [
            {"role": "system", "content": "你是小闲"},
            *(
                {"role": ("user", "assistant")[place % 2], "content": text}
                for place, text in enumerate(dialogue)
            ),
        ]
    }
    for dialogue in DIALOGUES
]
TEXTS = {
    "a.txt": "\n\n".join("\n".join(dialogue) for dialogue in DIALOGUES) + "\n",
    "a.json": json.dumps(DIALOGUES, ensure_ascii=False),
    "dialogue.jsonl": "".join(
        json.dumps({"dialogue": dialogue, "id": 1}) + "\n" for dialogue in DIALOGUES
    ),
    "messages.jsonl": "\n\n".join(json.dumps(record) for record in MESSAGES),
}
PACK: dict[str, Callable[[bytes], bytes]] = {
    "": bytes,
    ".gz": gzip.compress,
    ".xz": lzma.compress,
}
XZ = lzma.compress("你好\n你好呀\n\n".encode() * 2000)
GZ = gzip.compress("你好\n你好呀\n\n".encode() * 2000)


def read(path: Path) -> list[tuple[str, ...]]:
    return [dialogue.utterances for dialogue in read_dialogues(path)]


def lines(path: Path) -> list[int]:
    return [dialogue.line for dialogue in read_dialogues(path)]


@pytest.mark.parametrize("packing", PACK)
@pytest.mark.parametrize("name", TEXTS)
def test_every_format_gives_the_same_dialogues(tmp_path: Path, name: str, packing: str) -> None:
    path = tmp_path / (name + packing)
    path.write_bytes(PACK[packing](TEXTS[name].encode()))
    assert read(path) == DIALOGUES
    assert {dialogue.path for dialogue in read_dialogues(path)} == {path}


@pytest.mark.parametrize("name", TEXTS)
def test_a_byte_order_mark_and_other_newlines_change_nothing(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.write_bytes(b"\xef\xbb\xbf" + TEXTS[name].replace("\n", "\r\n").encode())
    assert read(path) == DIALOGUES


def test_blank_lines_and_spaces_around_are_no_part_of_a_dialogue(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_text("\n\n 你好 \n你好呀\n \t\n\n\n再见\n　再见～\n\n\n", encoding="utf-8")
    assert read(path) == [("你好", "你好呀"), ("再见", "再见～")]
    assert lines(path) == [3, 8]


def test_a_dialogue_knows_its_line_in_every_format(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text('\n{"dialogue":["a","b"]}\n\n{"dialogue":["c","d"]}\n')
    assert lines(tmp_path / "a.jsonl") == [2, 4]
    (tmp_path / "a.json").write_text('[\n ["a",\n "b"],\n\n ["c", "d"], ["e", "f"]\n]\n')
    assert lines(tmp_path / "a.json") == [2, 5, 5]


def test_prose_gives_a_text_a_line(tmp_path: Path) -> None:
    path = tmp_path / "a.txt.xz"
    path.write_bytes(lzma.compress("从前\n\n有座山\n".encode()))
    texts = list(read_texts(path))
    assert [(text.utterances, text.line) for text in texts] == [(("从前",), 1), (("有座山",), 3)]


BROKEN = [
    ("a.txt", "", None, "没有对话"),
    ("a.txt", "\n \n", None, "没有对话"),
    ("a.txt", "你好\n你好呀\n\n\n在吗\n", 5, "只有一句（在吗）"),
    ("a.txt", "在吗\n\n你好\n你好呀\n", 1, "只有一句（在吗）"),
    ("a.txt", "你好\n你好呀\n\n".encode() * 3 + "再见".encode("gbk"), 10, "不是 UTF-8"),
    ("a.txt", "你好\n你好呀\n".encode("utf-16"), 1, "不是 UTF-8"),
    ("a.txt.gz", gzip.compress("你好\n".encode() + b"\xff\n"), 2, "不是 UTF-8"),
    ("a.txt.gz", b"no gzip", 1, "压缩包"),
    ("a.txt.gz", GZ[: len(GZ) // 2], ..., "压缩包"),
    ("a.txt.gz", GZ[:30] + b"\xff" * 20 + GZ[50:], ..., "压缩包"),
    ("a.txt.gz", b"", None, "没有对话"),
    ("a.txt.xz", b"no xz", 1, "压缩包"),
    ("a.txt.xz", XZ[:-20], ..., "压缩包"),
    ("a.json", "", 1, "列表"),
    ("a.json", "[]", None, "没有对话"),
    ("a.json", '[["在吗"]]', 1, "只有一句（在吗）"),
    ("a.json", "[[]]", 1, "是空的"),
    ("a.jsonl", "\n", None, "没有对话"),
    ("a.jsonl", '{"dialogue": ["a", "b"]}\n{"dialogue": ["在吗"]}', 2, "只有一句"),
    ("a.jsonl", '{"dialogue": ["a", "b"]}\n{"dialogue": ["a"', 2, "JSON 坏了"),
    ("a.json.xz", lzma.compress(b'[\n["a", "b"],\n["c", "d"\n'), 4, "JSON 坏了"),
    ("a.csv", "你好,你好呀", None, "不认得这种格式"),
    ("a.zip", b"PK", None, "不认得这种格式"),
    ("a.gz", GZ, None, "不认得这种格式"),
]


@pytest.mark.parametrize(
    ("name", "content", "line", "told"), BROKEN, ids=map(str, range(len(BROKEN)))
)
def test_broken_input_names_file_line_and_remedy(
    tmp_path: Path, name: str, content: str | bytes, line: int | None, told: str
) -> None:
    path = tmp_path / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(CorpusError) as error:
        list(read_dialogues(path))
    text = str(error.value)
    assert "\n" not in text
    assert error.value.path == path
    if line is not ...:
        assert error.value.line == line
    place = f"{path}:{error.value.line}: " if error.value.line is not None else f"{path}: "
    assert text.startswith(place)
    assert told in text
    assert "；" in text


def test_what_stands_before_the_break_was_read(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_bytes("你好\n你好呀\n\n".encode() * 5000 + b"\xff\n")
    dialogues = read_dialogues(path)
    assert next(dialogues).utterances == ("你好", "你好呀")
    with pytest.raises(CorpusError) as error:
        list(dialogues)
    assert error.value.line == 15001


def test_missing_files_and_folders(tmp_path: Path) -> None:
    for broken in (tmp_path / "none.txt", tmp_path / "none"):
        with pytest.raises(CorpusError, match="找不到语料；请检查 CORPUS="):
            corpus_files(broken)
    with pytest.raises(CorpusError, match="找不到文件；"):
        list(read_dialogues(tmp_path / "none.txt"))
    (tmp_path / "folder.txt").mkdir()
    with pytest.raises(CorpusError, match=r"打不开.*；"):
        list(read_dialogues(tmp_path / "folder.txt"))
    (tmp_path / "README.md").touch()
    with pytest.raises(CorpusError, match="文件夹里没有语料；"):
        corpus_files(tmp_path)


def test_a_folder_gives_its_corpus_files_in_order(tmp_path: Path) -> None:
    for name in ("b.txt", "a.jsonl.gz", "c.json", "README.md", "notes.gz"):
        (tmp_path / name).touch()
    (tmp_path / "held_out").mkdir()
    (tmp_path / "held_out" / "b.txt").touch()
    (tmp_path / "folder.txt").mkdir()
    assert [path.name for path in corpus_files(tmp_path)] == ["a.jsonl.gz", "b.txt", "c.json"]
    assert corpus_files(tmp_path / "c.json") == [tmp_path / "c.json"]
    assert corpus_files(str(tmp_path / "notes.gz")) == [tmp_path / "notes.gz"]


def test_a_generated_file_is_known_by_its_name_alone() -> None:
    for name in ("generated_a.txt", "generated_.jsonl.xz", Path("corpus/generated_memory.txt")):
        assert is_generated(name)
    for name in ("a_generated_.txt", "generated.txt", Path("generated_x/a.txt")):
        assert not is_generated(name)
    assert GENERATED == "generated_"
