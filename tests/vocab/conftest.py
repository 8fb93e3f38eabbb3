"""Tables to load: the shipped one, and one that a test may spoil."""

from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import settings
from transformers import BertTokenizerFast

from vocab.wordpiece import SHIPPED_VOCAB, SPECIAL_TOKENS, load_tokenizer

settings.register_profile("unhurried", deadline=None)  # the first call may load a library
settings.load_profile("unhurried")


@pytest.fixture(scope="session")
def shipped() -> BertTokenizerFast:
    """The tokenizer of the shipped table."""
    return load_tokenizer(SHIPPED_VOCAB)


@pytest.fixture
def write_table(tmp_path: Path) -> Callable[..., Path]:
    """Write the special tokens and others as a ``vocab.txt``; return its path."""

    def write(*others: str, special: tuple[str, ...] = SPECIAL_TOKENS) -> Path:
        path = tmp_path / "vocab.txt"
        path.write_text("".join(token + "\n" for token in (*special, *others)), encoding="utf-8")
        return path

    return write
