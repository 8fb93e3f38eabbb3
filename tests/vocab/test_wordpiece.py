"""Loading and verifying a WordPiece table; ids back into text."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from transformers import BertTokenizerFast

from vocab import wordpiece
from vocab.wordpiece import (
    SHIPPED_VOCAB,
    SPECIAL_TOKENS,
    VocabError,
    decode_ids,
    encode_texts,
    load_tokenizer,
    read_vocab,
    save_vocab,
)

WriteTable = Callable[..., Path]
SHIPPED = load_tokenizer(SHIPPED_VOCAB)  # for the properties: they take no fixtures
PLAIN_IDS = st.integers(min_value=len(SPECIAL_TOKENS), max_value=len(SHIPPED) - 1)


def tokens_of(tokenizer: BertTokenizerFast, text: str) -> list[str]:
    tokens: list[str] = tokenizer.convert_ids_to_tokens(encode_texts(tokenizer, [text])[0])
    return tokens


def assert_one_line_with_remedy(error: pytest.ExceptionInfo[VocabError], *parts: str) -> None:
    text = str(error.value)
    assert "\n" not in text
    assert all(part in text for part in (*parts, "；"))


def test_the_whole_table_is_loaded(write_table: WriteTable) -> None:
    tokenizer = load_tokenizer(write_table("你", "好"))
    assert len(tokenizer) == 7
    assert tokens_of(tokenizer, "你好") == ["你", "好"]
    assert encode_texts(tokenizer, ["你好"]) == [[5, 6]]


def test_special_tokens_keep_their_ids(shipped: BertTokenizerFast) -> None:
    found = (
        shipped.pad_token_id,
        shipped.unk_token_id,
        shipped.cls_token_id,
        shipped.sep_token_id,
        shipped.mask_token_id,
    )
    assert found == (0, 1, 2, 3, 4)


def test_special_tokens_may_stand_anywhere_in_a_pretrained_table(write_table: WriteTable) -> None:
    table = ("[PAD]", "你", "[UNK]", "[CLS]", "好", "[SEP]", "[MASK]")
    tokenizer = load_tokenizer(write_table(special=table))
    assert (tokenizer.sep_token_id, tokenizer.cls_token_id, len(tokenizer)) == (5, 3, 7)


def test_a_tokenizer_that_ignores_the_table_is_caught(
    write_table: WriteTable, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As ``vocab_file=`` would leave it: the five special tokens and nothing else."""

    def forgetful(**_: object) -> BertTokenizerFast:
        return BertTokenizerFast(vocab={token: i for i, token in enumerate(SPECIAL_TOKENS)})

    path = write_table("你", "好")
    monkeypatch.setattr(wordpiece, "BertTokenizerFast", forgetful)
    with pytest.raises(VocabError) as error:
        load_tokenizer(path)
    assert_one_line_with_remedy(error, str(path), "7", "5", "transformers")


@pytest.mark.parametrize("token", SPECIAL_TOKENS)
@pytest.mark.parametrize("text", ["{}", "今天{}好", "{}{}", "好{}", "ok{}"])
def test_typed_special_tokens_stay_text(shipped: BertTokenizerFast, token: str, text: str) -> None:
    ids = encode_texts(shipped, [text.format(token, token)])[0]
    assert ids
    assert not set(ids) & set(shipped.all_special_ids)
    assert token.lower() in decode_ids(shipped, ids)


def test_encoding_adds_no_special_tokens(shipped: BertTokenizerFast) -> None:
    assert [*encode_texts(shipped, []), *encode_texts(shipped, [""])] == [[]]
    assert tokens_of(shipped, "你好") == ["你", "好"]


@pytest.mark.parametrize(
    ("mark", "separator", "end"), [("", "\n", ""), ("", "\r\n", "\r\n"), ("\ufeff", "\n", "\n")]
)
def test_newlines_and_byte_order_mark_are_no_part_of_a_token(
    tmp_path: Path, mark: str, separator: str, end: str
) -> None:
    path = tmp_path / "vocab.txt"
    path.write_bytes((mark + separator.join([*SPECIAL_TOKENS, "好"]) + end).encode())
    assert read_vocab(path) == [*SPECIAL_TOKENS, "好"]


def test_a_separator_can_be_a_token(write_table: WriteTable) -> None:
    """Taking U+2028 for a line's end would shift every id after it."""
    assert read_vocab(write_table("\u2028", "\x85"))[5:] == ["\u2028", "\x85"]


@pytest.mark.parametrize(("name", "told"), [("none.txt", "python -m vocab build"), ("", "权限")])
def test_a_missing_file_and_a_folder(tmp_path: Path, name: str, told: str) -> None:
    with pytest.raises(VocabError) as error:
        read_vocab(tmp_path / name)
    assert_one_line_with_remedy(error, str(tmp_path / name), told)


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ("\n".join(SPECIAL_TOKENS).encode() + "\n你".encode("gbk"), "UTF-8"),
        (b"", "第 1 行是空行"),
        (b"[PAD]\n\n[UNK]\n", "第 2 行是空行"),
        (b"[PAD]\n[UNK]\n[PAD]\n", "第 3 行与第 1 行重复"),
        (b"[PAD]\n[UNK]\n[CLS]\n[MASK]\nok\n", "[SEP]"),
        ("你\n好\n".encode(), " ".join(SPECIAL_TOKENS)),
    ],
)
def test_a_malformed_table_is_told_in_one_line(tmp_path: Path, content: bytes, told: str) -> None:
    path = tmp_path / "vocab.txt"
    path.write_bytes(content)
    for read in (read_vocab, load_tokenizer):
        with pytest.raises(VocabError) as error:
            read(path)
        assert_one_line_with_remedy(error, str(path), told)


def test_a_folder_decides_about_lower_case(write_table: WriteTable) -> None:
    folder = write_table("OK", "ok").parent
    assert tokens_of(load_tokenizer(folder), "OK") == ["ok"]
    config = {"do_lower_case": False, "tokenize_chinese_chars": None, "model_max_length": 512}
    (folder / "tokenizer_config.json").write_text(json.dumps(config), encoding="utf-8")
    assert tokens_of(load_tokenizer(folder), "OK") == ["OK"]


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"{", "JSON"),
        ("{'你': 1}".encode("gbk"), "JSON"),
        (b"[" * 100_000, "JSON"),
        (b"[]", "对象"),
        (b'{"do_lower_case": "no"}', "do_lower_case"),
    ],
)
def test_a_broken_tokenizer_config_is_told_in_one_line(
    write_table: WriteTable, content: bytes, told: str
) -> None:
    folder = write_table("好").parent
    (folder / "tokenizer_config.json").write_bytes(content)
    with pytest.raises(VocabError) as error:
        load_tokenizer(folder)
    assert_one_line_with_remedy(error, "tokenizer_config.json", told)


def test_a_saved_table_is_the_one_that_was_read(shipped: BertTokenizerFast, tmp_path: Path) -> None:
    save_vocab(shipped, tmp_path / "vocab.txt")
    assert (tmp_path / "vocab.txt").read_bytes() == SHIPPED_VOCAB.read_bytes()


@pytest.mark.parametrize(
    "text",
    [
        "你好，今天天气不错！",
        "ok的",
        "我有2只猫",
        "hello world",
        "wifi 5g",
        "3.5折",
        "哈哈😂😂",
        "a b c",
    ],
)
def test_text_comes_back_readable(shipped: BertTokenizerFast, text: str) -> None:
    assert decode_ids(shipped, encode_texts(shipped, [text])[0]) == text


def test_special_tokens_are_not_shown(shipped: BertTokenizerFast) -> None:
    assert decode_ids(shipped, [2, *encode_texts(shipped, ["好"])[0], 3, 0]) == "好"


@given(st.lists(PLAIN_IDS, max_size=30), st.integers(0, 30))
def test_more_ids_only_ever_append_text(ids: list[int], cut: int) -> None:
    assert decode_ids(SHIPPED, ids).startswith(decode_ids(SHIPPED, ids[:cut]))


@given(st.text(alphabet="你好吗，。！今天ok 2026😂[]SEPCL", max_size=40))
def test_what_was_decoded_comes_back_as_it_stands(text: str) -> None:
    """A reply is decoded, stored, and encoded again as history of the next turn."""
    shown = decode_ids(SHIPPED, encode_texts(SHIPPED, [text])[0])
    assert decode_ids(SHIPPED, encode_texts(SHIPPED, [shown])[0]) == shown
