from pathlib import Path

import pytest

from training.errors import CorpusError
from training.ranking.ratings import RATINGS, Rated, read_ratings, write_ratings

TALK = Rated(("你好", "你好呀！", "今天好累"), ("早点睡吧。", "我也吃了", "好的"), (2, 0, 1))
OPENER = Rated(("晚安",), ("晚安～", "真好。"), (2, 1))


def test_what_is_written_is_read(tmp_path: Path) -> None:
    write_ratings(tmp_path / "b.txt", [TALK])
    write_ratings(tmp_path / "a.txt", [OPENER, TALK])
    assert read_ratings(tmp_path / "a.txt") == [OPENER, TALK]
    assert read_ratings(tmp_path) == [OPENER, TALK, TALK]


def test_a_reply_that_stands_twice_counts_once(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("晚安\n2\t晚安～\n1\t真好。\n0\t晚安～\n", encoding="utf-8")
    (found,) = read_ratings(tmp_path)
    assert (found.replies, found.ratings) == (("晚安～", "真好。"), (0, 1))


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("\n\n你好\n你好呀！\n2\t好的\n", 3),
        ("你好\n2\t好的\n\n2\t好的\n", 4),
        ("你好\n3\t好的\n", 1),
        ("你好\n好\t好的\n", 1),
        ("你好\n2\t\n", 1),
        ("你好\n2\t好的\n今天好累\n", 1),
        ("你好\n", 1),
    ],
)
def test_a_block_of_another_form_is_named_by_its_line(tmp_path: Path, text: str, line: int) -> None:
    (tmp_path / "a.txt").write_text(text, encoding="utf-8")
    with pytest.raises(CorpusError, match=rf"a\.txt:{line}: .*请改正"):
        read_ratings(tmp_path / "a.txt")


@pytest.mark.parametrize("content", [b"", b"\n\n", b"\xff\xfe\x00"])
def test_a_file_without_ratings_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.txt").write_bytes(content)
    with pytest.raises(CorpusError, match="请"):
        read_ratings(tmp_path)
    with pytest.raises(CorpusError, match="请"):
        read_ratings(tmp_path / "missing.txt")


def test_the_ratings_of_the_repository_can_be_read_and_hold_no_test_prompt() -> None:
    found = read_ratings(RATINGS)
    assert sum(len(item.replies) for item in found) > 40_000
    prompts = Path(RATINGS).parents[1] / "prompts"
    asked = {
        line.strip()
        for name in ("openers.txt", "contexts.txt")
        for line in (prompts / name).read_text("utf-8").split("\n")
    }
    said = {item.utterances[-1] for item in found}
    assert {text for text in asked & said if len(text) > 5} == set()
