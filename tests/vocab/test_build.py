"""Building a table, and how the shipped one covers what people write."""

import gzip
import lzma
import string
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from transformers import BertTokenizerFast

from vocab.build import EMOJI, build_vocab, measure_coverage, read_lines
from vocab.wordpiece import (
    SHIPPED_VOCAB,
    SPECIAL_TOKENS,
    VocabError,
    encode_texts,
    load_tokenizer,
    read_vocab,
)

SHIPPED = load_tokenizer(SHIPPED_VOCAB)
FIXED = len(build_vocab(["一"], min_count=2))  # special tokens, ASCII, emoji: whatever the text


def has_unknown(tokenizer: BertTokenizerFast, text: str) -> bool:
    return tokenizer.unk_token_id in encode_texts(tokenizer, [text])[0]


def test_the_shipped_table_has_the_promised_size() -> None:
    assert 7000 <= len(read_vocab(SHIPPED_VOCAB)) <= 8000
    assert tuple(read_vocab(SHIPPED_VOCAB)[:5]) == SPECIAL_TOKENS


@pytest.mark.parametrize(
    "text",
    ["ok", "OK", "2026", "20260101", "😂😂", "😂ok", "wifi", "WiFi6", "ChatGPT", "a1b2", "～…"],
)
def test_everyday_writing_is_never_unknown(text: str) -> None:
    assert not has_unknown(SHIPPED, text)


@given(st.text(alphabet=string.ascii_letters + string.digits, min_size=1, max_size=99))
def test_latin_words_of_any_length_are_never_unknown(word: str) -> None:
    assert not has_unknown(SHIPPED, word)
    assert not has_unknown(SHIPPED, f"我{word}呢")


@given(st.text(alphabet=EMOJI, min_size=1, max_size=99))
def test_common_emoji_are_never_unknown(text: str) -> None:
    assert not has_unknown(SHIPPED, text)


@given(st.text(alphabet=string.punctuation + "，。！？、；：“”‘’（）《》…—～· \t\n", max_size=50))
def test_punctuation_is_never_unknown(text: str) -> None:
    assert not has_unknown(SHIPPED, text)


def test_special_tokens_come_first_and_nothing_comes_twice() -> None:
    tokens = build_vocab(["今天天气好", "今天好"])
    assert tuple(tokens[:5]) == SPECIAL_TOKENS
    assert len(set(tokens)) == len(tokens)


def test_characters_below_the_count_stay_out() -> None:
    tokens = build_vocab(["好好天", "人"], min_count=2)
    assert "好" in tokens
    assert not {"天", "人"} & set(tokens)
    assert {"好", "天", "人"} <= set(build_vocab(["好好天", "人"], min_count=1))


def test_commoner_characters_get_the_room_there_is() -> None:
    tokens = build_vocab(["好" * 3 + "天" * 2], size=FIXED + 1, min_count=1)
    assert len(tokens) == FIXED + 1
    assert tokens[-1] == "好"
    assert len(build_vocab(["ωω"], size=FIXED + 1)) == FIXED + 1


def test_other_characters_get_a_continuation_form_and_chinese_does_not() -> None:
    tokens = build_vocab(["ωω好好"])
    assert {"ω", "##ω", "好"} <= set(tokens)
    assert "##好" not in tokens


def test_common_words_are_tokens_of_their_own_in_lower_case() -> None:
    tokens = build_vocab(["rare"] * 9 + ["WIFI 2026"] * 10)
    assert {"wifi", "2026"} <= set(tokens)
    assert "rare" not in tokens


def test_a_built_table_loads_and_covers_its_text(tmp_path: Path) -> None:
    lines = ["你好呀", "今天天气不错，ok吗", "😂😂 2026"]
    path = tmp_path / "vocab.txt"
    path.write_text("\n".join(build_vocab(lines, min_count=1)), encoding="utf-8")
    tokenizer = load_tokenizer(path)
    coverage = measure_coverage(tokenizer, lines)
    assert (coverage.num_unknown, coverage.missing) == (0, ())
    for text in ("Zyx987", EMOJI[:99], string.punctuation):  # whether the text had them or not
        assert not has_unknown(tokenizer, text)
    assert coverage.unknown_share == 0


def test_too_small_a_table_says_how_large_it_must_be() -> None:
    with pytest.raises(VocabError, match=f"--size {FIXED - 1} .*至少要 {FIXED}$"):
        build_vocab(["你好"], size=FIXED - 1)
    assert len(build_vocab(["你好"], size=FIXED)) == FIXED


@pytest.mark.parametrize("lines", [[], [""]])
def test_no_text_makes_no_table(lines: list[str]) -> None:
    with pytest.raises(VocabError, match="没有读到任何文字；"):
        build_vocab(lines)


def test_coverage_counts_tokens_and_names_the_commonest_misses(tmp_path: Path) -> None:
    path = tmp_path / "vocab.txt"
    path.write_text("\n".join([*SPECIAL_TOKENS, "你", "好"]), encoding="utf-8")
    coverage = measure_coverage(load_tokenizer(path), ["你好吗", "吗", "好呀吗吗"])
    assert (coverage.num_tokens, coverage.num_unknown) == (8, 5)
    assert coverage.unknown_share == 5 / 8
    assert coverage.missing == (("吗", 4), ("呀", 1))
    assert measure_coverage(SHIPPED, []).unknown_share == 0


@pytest.mark.parametrize(("suffix", "opener"), [("", open), (".gz", gzip.open), (".xz", lzma.open)])
def test_lines_are_read_from_plain_and_compressed_files(
    tmp_path: Path, suffix: str, opener: Callable[..., object]
) -> None:
    path = tmp_path / f"a.txt{suffix}"
    with opener(path, "wb") as file:  # type: ignore[attr-defined]
        file.write("你好\n\n  再见 \n".encode())
    assert list(read_lines(path)) == ["你好", "再见"]


GZIP = gzip.compress("你好\n".encode() * 100)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.txt", "你好\n".encode("gbk")),
        ("a.txt.gz", b"no gzip"),
        ("a.txt.gz", GZIP[:-10]),
        ("a.txt.gz", GZIP[:10] + b"\xff" + GZIP[11:]),
        ("a.txt.xz", b"no xz"),
        ("a.txt.xz", lzma.compress(b"hello")[:-8]),
    ],
)
def test_a_damaged_file_is_told_in_one_line(tmp_path: Path, name: str, content: bytes) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(VocabError) as error:
        list(read_lines(path))
    assert str(error.value).startswith(f"{path}: 读不下去")
    assert "\n" not in str(error.value)


def test_a_missing_file_and_a_folder(tmp_path: Path) -> None:
    with pytest.raises(VocabError, match=r"找不到文件；请检查路径$"):
        list(read_lines(tmp_path / "none.txt"))
    with pytest.raises(VocabError, match="读不下去"):
        list(read_lines(tmp_path))
