"""A novel as it lies on somebody's disk, read as one string or refused in one line."""

from pathlib import Path

import pytest

from training.errors import CorpusError
from training.novel.text import MIN_CHARS, STORY, read_novel, split_novel

CHAPTER = "第一回　渡口\n江上起了雾。\n" * 200
READ = "\n\n" + CHAPTER


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030"])
@pytest.mark.parametrize("line_end", ["\n", "\r\n", "\r"])
def test_encodings_and_line_ends_make_no_difference(
    tmp_path: Path, encoding: str, line_end: str
) -> None:
    path = tmp_path / "novel.txt"
    path.write_bytes(f"\n\n {CHAPTER}\n\n".replace("\n", line_end).encode(encoding))
    assert read_novel(path) == READ


def test_a_folder_is_its_texts_in_the_order_of_their_names(tmp_path: Path) -> None:
    for name, text in (("2.txt", "后" * 2000), ("1.txt", "先" * 2000), ("README.md", "不读")):
        (tmp_path / name).write_text(text, "utf-8")
    assert read_novel(tmp_path) == f"\n\n{'先' * 2000}\n\n{'后' * 2000}\n"


@pytest.mark.parametrize(
    ("name", "data", "told"),
    [
        ("a.txt", b"", "只有 0 个字，至少要 2,000 个；"),
        ("a.txt", ("字" * (MIN_CHARS - 4)).encode(), "只有 1,996 个字，至少要 2,000 个；"),
        ("a.txt", CHAPTER.encode("utf-16"), "请另存为 UTF-8"),
        ("a.txt", CHAPTER.encode()[1:], "请另存为 UTF-8"),
        ("a.txt", CHAPTER.encode() + b"\0", ":401: 不是文字"),
        ("a.txt", bytes(range(256)) * 20, "请另存为 UTF-8"),
        ("a.md", CHAPTER.encode(), "文件夹里没有 .txt；"),
        (None, b"", "找不到小说；请检查 NOVEL="),
    ],
)
def test_what_is_no_novel_is_refused_in_one_line(
    tmp_path: Path, name: str | None, data: bytes, told: str
) -> None:
    path = tmp_path / (name or "nothing")
    if name:
        path.write_bytes(data)
    with pytest.raises(CorpusError) as error:
        read_novel(tmp_path if name == "a.md" else path)
    line = str(error.value)
    assert line.startswith(str(tmp_path))
    assert told in line
    assert "\n" not in line


def test_a_file_that_cannot_be_read_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_: Path) -> bytes:
        raise PermissionError(13, "Permission denied")

    path = tmp_path / "a.txt"
    path.write_text(CHAPTER)
    monkeypatch.setattr(Path, "read_bytes", refuse)
    with pytest.raises(CorpusError, match="打不开"):
        read_novel(path)


def test_the_end_is_held_out() -> None:
    train, held_out = split_novel(READ)
    assert train + held_out == READ
    assert len(held_out) == round(len(READ) * 0.05)


def test_the_story_of_the_repository_is_a_novel() -> None:
    text = read_novel(STORY)
    chinese = sum("\u4e00" <= character <= "\u9fff" for character in text)
    assert chinese >= 30_000
    assert text.count("\n\n第") >= 10
