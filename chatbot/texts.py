"""How a text becomes ids for a head, in training and serving alike, by any tokenizer."""

from collections.abc import Sequence
from pathlib import Path

from transformers import AutoTokenizer, BertTokenizerFast
from transformers import PreTrainedTokenizerBase as Tokenizer

from chatbot.errors import CheckpointError
from chatbot.folder import write_json
from vocab.wordpiece import VocabError, load_tokenizer, save_vocab

_VOCAB, _CONFIG = "vocab.txt", "tokenizer_config.json"
_OTHERS = ("tokenizer.json", "vocab.json", "spiece.model", "tokenizer.model")
_CASING = ("do_lower_case", "tokenize_chinese_chars", "strip_accents")


def load_text_tokenizer(folder: Path) -> Tokenizer:
    """Load a folder's own tokenizer: WordPiece from ``vocab.txt``, else as ``AutoTokenizer`` does.

    Raises:
        CheckpointError: there is none, or it is broken.
    """
    try:
        if (folder / _VOCAB).is_file():
            return load_tokenizer(folder)
        # Without any of these the library makes an empty tokenizer and says nothing.
        if not any((folder / name).is_file() for name in _OTHERS):
            raise FileNotFoundError("没有它的文件")
        return AutoTokenizer.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
    except VocabError as error:
        raise CheckpointError(str(error)) from None
    except Exception as error:  # the library's own, of many kinds
        what = " ".join(str(error).split())[:160]
        raise CheckpointError(
            f"{folder}: 读不出分词器（{what}）；请放回 vocab.txt 或 tokenizer.json"
        ) from None


def save_text_tokenizer(tokenizer: Tokenizer, folder: Path) -> None:
    """Write the files that ``load_text_tokenizer`` reads."""
    if not isinstance(tokenizer, BertTokenizerFast):
        tokenizer.save_pretrained(folder)
        return
    save_vocab(tokenizer, folder / _VOCAB)
    options = {key: getattr(tokenizer, key) for key in _CASING}
    write_json(folder / _CONFIG, {"tokenizer_class": "BertTokenizer", **options})


def encode_whole_texts(
    tokenizer: Tokenizer, texts: Sequence[str], max_length: int
) -> list[list[int]]:
    """Return the ids of each text in the tokenizer's own frame, such as ``[CLS] … [SEP]``.

    A typed ``[SEP]`` stays text. Of a text that is too long the last id, which closes the frame,
    is kept and the end before it is cut; a text without any token is one padding id.
    """
    if not texts:
        return []
    # Cut here: the tokenizer's own truncation is a setting of its own that threads would share.
    encoded: list[list[int]] = tokenizer(
        list(texts),
        split_special_tokens=True,
        return_attention_mask=False,
        return_token_type_ids=False,
        verbose=False,
    )["input_ids"]
    cut = [[*ids[: max_length - 1], ids[-1]] if len(ids) > max_length else ids for ids in encoded]
    return [ids or [pad_id(tokenizer)] for ids in cut]


def pad_id(tokenizer: Tokenizer) -> int:
    """Return what stands in the place of no token; a tokenizer without one gets 0 (masked)."""
    return int(tokenizer.pad_token_id or 0)
