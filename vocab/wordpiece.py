"""Load and verify a BERT WordPiece tokenizer; turn its ids back into Chinese text."""

import json
import re
from collections.abc import Iterable, Sequence
from functools import lru_cache
from pathlib import Path

from transformers import BertTokenizerFast

SPECIAL_TOKENS = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")
SHIPPED_VOCAB = Path(__file__).with_name("vocab.txt")

_WORD_EDGE = re.compile(r"[0-9a-zA-Z]")


class VocabError(Exception):
    """A vocabulary file is missing, malformed or does not load as written."""


def read_vocab(path: str | Path) -> list[str]:
    """Return the tokens of a ``vocab.txt`` in id order.

    Raises:
        VocabError: the file is missing, not UTF-8, empty, has duplicates or lacks a special token.
    """
    path = Path(path)
    try:
        # Not ``splitlines``: a table may hold a separator such as U+2028 as a token.
        tokens = path.read_text(encoding="utf-8-sig").removesuffix("\n").split("\n")
    except FileNotFoundError:
        raise VocabError(f"{path}: 找不到词表文件；用 python -m vocab build 生成一份") from None
    except OSError as error:
        raise VocabError(f"{path}: 读不了（{error.strerror}）；请检查路径和权限") from None
    except UnicodeDecodeError as error:
        raise VocabError(
            f"{path}: 词表不是 UTF-8 文本（第 {error.start} 字节）；请转成 UTF-8"
        ) from None
    first_line: dict[str, int] = {}
    for number, token in enumerate(tokens, start=1):
        if not token or token in first_line:
            what = f"与第 {first_line[token]} 行重复" if token else "是空行"
            raise VocabError(f"{path}: 第 {number} 行{what}；词表须一行一个、各不相同")
        first_line[token] = number
    missing = [token for token in SPECIAL_TOKENS if token not in first_line]
    if missing:
        raise VocabError(
            f"{path}: 缺少特殊符号 {' '.join(missing)}；用 python -m vocab build 重新生成"
        )
    return tokens


def load_tokenizer(path: str | Path) -> BertTokenizerFast:
    """Load a ``vocab.txt``, or a folder that holds one, as ``BertTokenizerFast`` and verify it.

    A folder's ``tokenizer_config.json`` decides about lower-casing (a GPT2-chitchat or ckiplab
    folder brings its own); a bare file is lower-cased, as ours is.

    Raises:
        VocabError: the file is malformed, or the tokenizer does not hold the table that was read.
    """
    path = Path(path)
    options: dict[str, bool] = {}
    if path.is_dir():
        config_file = path / "tokenizer_config.json"
        if config_file.is_file():
            options = _read_options(config_file)
        path = path / "vocab.txt"
    tokens = read_vocab(path)
    # ``vocab=``, never ``vocab_file=``: the latter is ignored and leaves five tokens.
    table = {token: index for index, token in enumerate(tokens)}
    tokenizer = BertTokenizerFast(vocab=table, **options)
    if len(tokenizer) != len(tokens):
        raise VocabError(
            f"{path}: 词表有 {len(tokens)} 个词，分词器却只认得 {len(tokenizer)} 个；"
            "请检查 transformers 的版本"
        )
    return tokenizer


def _read_options(path: Path) -> dict[str, bool]:
    try:
        config = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError, OSError) as error:
        raise VocabError(f"{path}: JSON 坏了（{error}）；请重新取得这个文件") from None
    if not isinstance(config, dict):
        raise VocabError(f"{path}: 须是一个 JSON 对象；请重新取得这个文件")
    names = ("do_lower_case", "tokenize_chinese_chars", "strip_accents")
    options = {name: config[name] for name in names if config.get(name) is not None}
    for name, value in options.items():
        if not isinstance(value, bool):
            raise VocabError(f"{path}: {name} 须是 true 或 false，不能是 {value!r}；请改正")
    return options


def save_vocab(tokenizer: BertTokenizerFast, path: str | Path) -> None:
    """Write the tokenizer's table as ``vocab.txt``, one token a line in id order."""
    table = tokenizer.get_vocab()
    text = "".join(token + "\n" for token in sorted(table, key=table.__getitem__))
    Path(path).write_text(text, encoding="utf-8")


def encode_texts(tokenizer: BertTokenizerFast, texts: Sequence[str]) -> list[list[int]]:
    """Return the ids of each text, without special tokens; typed ``[SEP]`` stays text."""
    if not texts:
        return []
    encoded: list[list[int]] = tokenizer(
        list(texts),
        add_special_tokens=False,
        split_special_tokens=True,
        return_attention_mask=False,
        return_token_type_ids=False,
        verbose=False,
    )["input_ids"]
    return encoded


def decode_ids(tokenizer: BertTokenizerFast, ids: Iterable[int]) -> str:
    """Return readable text: no spaces between Chinese characters, one between Latin words.

    Appending ids only ever appends text, so a stream can send what is new.
    """
    text = ""
    special = _special_ids(tokenizer)
    kept = [token_id for token_id in ids if token_id not in special]
    for token in tokenizer.convert_ids_to_tokens(kept):
        if token.startswith("##"):
            text += token[2:]
        elif text and _WORD_EDGE.match(text[-1]) and _WORD_EDGE.match(token[0]):
            text += " " + token
        else:
            text += token
    return text


@lru_cache(maxsize=16)
def _special_ids(tokenizer: BertTokenizerFast) -> frozenset[int]:
    """The tokenizer makes the list anew each time, which costs more than a decoding."""
    return frozenset(tokenizer.all_special_ids)
