"""``label<TAB>text`` files and the stratified split."""

import gzip
import lzma
from collections import Counter
from pathlib import Path

import pytest

from training.errors import ConfigError, CorpusError
from training.head.examples import (
    Example,
    Split,
    class_weights,
    read_examples,
    split_examples,
)


def write(path: Path, text: str) -> Path:
    path.write_bytes(text.encode())
    return path


def test_a_file_is_read_with_any_labels_and_tabs_in_the_text(tmp_path: Path) -> None:
    text = "\ufeff好\t今天 天气\r\n\n-1\t一\t二\n a b \t 你好 \n"
    expected = [Example("好", "今天 天气"), Example("-1", "一\t二"), Example("a b", "你好")]
    assert read_examples(write(tmp_path / "a.tsv", text)) == expected
    for name, module in (("a.tsv.gz", gzip), ("a.tsv.xz", lzma)):
        with module.open(tmp_path / name, "wt", encoding="utf-8") as file:
            file.write(text)
        assert read_examples(tmp_path / name) == expected


@pytest.mark.parametrize(
    ("text", "line", "word"),
    [
        ("好\t一\n没有制表符\n", 2, "制表符"),
        ("好\t一\n坏\t\n", 2, "不能空"),
        ("好\t一\n\t二\n", 2, "不能空"),
        ("", None, "空的"),
        ("\n\n", None, "空的"),
    ],
)
def test_a_broken_line_is_named(tmp_path: Path, text: str, line: int | None, word: str) -> None:
    path = write(tmp_path / "a.tsv", text)
    with pytest.raises(CorpusError, match=word) as caught:
        read_examples(path)
    assert (caught.value.path, caught.value.line) == (path, line)


def test_what_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match="找不到"):
        read_examples(tmp_path / "nowhere.tsv")
    with pytest.raises(CorpusError, match="文件夹"):
        read_examples(tmp_path)
    (tmp_path / "b.tsv").write_bytes(b"1\ta\n1\t\xff\n")
    with pytest.raises(CorpusError, match="UTF-8") as caught:
        read_examples(tmp_path / "b.tsv")
    assert caught.value.line == 2


def many(**counts: int) -> list[Example]:
    return [
        Example(label, f"{label}{number}")
        for label, count in counts.items()
        for number in range(count)
    ]


def test_every_label_is_held_out_in_its_share() -> None:
    split = split_examples(many(a=100, b=40, c=2, d=1), share=0.1, seed=3)
    assert split.labels == ("a", "b", "c", "d")
    assert split.counts() == [("a", 90, 10), ("b", 36, 4), ("c", 1, 1), ("d", 1, 0)]
    assert {*split.train}.isdisjoint(split.held_out)
    assert split.imbalance == 90


def test_the_seed_decides() -> None:
    given = many(a=50, b=50)
    first, again, other = (split_examples(given, share=0.2, seed=seed) for seed in (0, 0, 1))
    assert first == again
    assert set(first.held_out) != set(other.held_out)


def test_a_text_that_comes_again_is_on_one_side_only() -> None:
    given = [
        Example("a", "同一句"),
        *many(a=20, b=20),
        Example("b", "同一句"),
        Example("a", "同一句"),
    ]
    split = split_examples(given, share=0.5, seed=0)
    assert split.num_dropped == 2
    counts = Counter(item.text for item in split.train + split.held_out)
    assert max(counts.values()) == 1
    assert next(item.label for item in split.train + split.held_out if item.text == "同一句") == "a"


@pytest.mark.parametrize(
    ("given", "share", "word"),
    [
        (many(a=10), 0.1, "1 种标签"),
        (many(**{f"l{n}": 1 for n in range(1001)}), 0.1, "1001 种标签"),
        (many(a=1, b=1), 0.1, "只有一条"),
        (many(a=10, b=10), 0.0, "比例 0.0"),
        (many(a=10, b=10), 1.0, "比例 1.0"),
    ],
)
def test_what_cannot_be_split_is_told(given: list[Example], share: float, word: str) -> None:
    with pytest.raises(ConfigError, match=word):
        split_examples(given, share=share, seed=0)


def test_weights_are_inverse_frequencies_with_mean_one() -> None:
    given = many(a=90, b=9, c=1)
    weights = class_weights(("a", "b", "c"), given)
    assert weights[2] / weights[0] == pytest.approx(90)
    assert weights[1] / weights[0] == pytest.approx(10)
    assert (90 * weights[0] + 9 * weights[1] + weights[2]) / 100 == pytest.approx(1)


def test_a_balanced_split_weighs_all_the_same() -> None:
    split = Split(("a", "b"), tuple(many(a=5, b=5)), ())
    assert class_weights(split.labels, split.train) == [1, 1]
