"""More words for a pretrained model: its vocabulary with new entries at the end."""

import shutil
import tempfile
from pathlib import Path

import torch
from transformers import BertTokenizerFast, GPT2LMHeadModel

from chatbot.checkpoint import TOKENIZER, VOCAB, Checkpoint
from training.errors import ConfigError
from vocab.wordpiece import encode_texts, load_tokenizer, read_vocab


def extend_vocabulary(checkpoint: Checkpoint, vocab: Path) -> BertTokenizerFast:
    """Give a checkpoint's model a row for each new entry of ``vocab``; return its tokenizer.

    A new row is the mean of the rows of the pieces that the entry was split into before.

    Raises:
        ConfigError: ``vocab`` does not begin with the model's own table.
        VocabError: ``vocab`` is missing or malformed.
    """
    old, new = read_vocab(checkpoint.folder / VOCAB), read_vocab(vocab)
    if new[: len(old)] != old:
        line = next(
            (k for k, pair in enumerate(zip(old, new, strict=False)) if pair[0] != pair[1]),
            len(new),
        )
        raise ConfigError(
            f"{vocab}: 从第 {line + 1} 行起与 {checkpoint.folder / VOCAB} 不同；"
            f"前 {len(old)} 行须与它逐行相同，新词加在后面"
        )
    with tempfile.TemporaryDirectory() as name:
        shutil.copy(vocab, Path(name) / VOCAB)
        if (checkpoint.folder / TOKENIZER).is_file():
            shutil.copy(checkpoint.folder / TOKENIZER, name)
        tokenizer = load_tokenizer(Path(name))
    _add_rows(checkpoint.model, checkpoint.tokenizer, new[len(old) :])
    return tokenizer


@torch.no_grad()
def _add_rows(model: GPT2LMHeadModel, tokenizer: BertTokenizerFast, entries: list[str]) -> None:
    if not entries:
        return
    texts = [entry.removeprefix("##") for entry in entries]
    pieces = encode_texts(tokenizer, texts)
    first = model.config.vocab_size
    model.resize_token_embeddings(first + len(entries), mean_resizing=False)
    tables = {id(table): table for table in (model.transformer.wte.weight, model.lm_head.weight)}
    for table in tables.values():
        mean = table[:first].mean(0)
        for place, ids in enumerate(pieces, start=first):
            known = [piece for piece in ids if piece != tokenizer.unk_token_id]
            table[place] = table[known].mean(0) if known else mean
