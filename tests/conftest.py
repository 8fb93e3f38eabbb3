"""What tests of several packages share."""

from pathlib import Path

import pytest
import torch
from transformers import GPT2Config, GPT2LMHeadModel

from chatbot.checkpoint import save_checkpoint, special_ids
from vocab.wordpiece import SHIPPED_VOCAB, load_tokenizer


@pytest.fixture(scope="session")
def tiny_checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkpoint folder: 2 layers × 32, 256 positions, the shipped vocabulary, random weights."""
    tokenizer = load_tokenizer(SHIPPED_VOCAB)
    config = GPT2Config(
        vocab_size=len(tokenizer),
        n_positions=256,
        n_embd=32,
        n_layer=2,
        n_head=2,
        initializer_range=0.2,
        **special_ids(tokenizer),
    )
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = GPT2LMHeadModel(config)
    return save_checkpoint(
        tmp_path_factory.mktemp("checkpoint") / "tiny", model, tokenizer, name="tiny"
    )
