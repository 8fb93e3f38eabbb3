"""What tests of several packages share."""

import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from transformers import GPT2Config, GPT2LMHeadModel, GPT2Model

from chatbot.checkpoint import save_checkpoint, special_ids
from chatbot.head_folder import HeadConfig, TrainedHead, save_head
from chatbot.models.char_gpt import CharGPT, CharGPTConfig
from chatbot.models.head import BackboneWithHead
from chatbot.novelist import Novelist
from vocab.chars import CharVocab
from vocab.wordpiece import SHIPPED_VOCAB, load_tokenizer


@pytest.fixture
def run_main(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[..., tuple[int, str, str]]:
    """Run a command's ``main`` in this process: exit code, stdout, stderr."""

    def run(main: Callable[[], object], *arguments: str | Path) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["program", *map(str, arguments)])
        with pytest.raises(SystemExit) as ended:
            main()
        captured = capsys.readouterr()
        code = ended.value.code
        return (code if isinstance(code, int) else 0), captured.out, captured.err

    return run


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


@pytest.fixture(scope="session")
def tiny_novelist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A novelist's folder: 1 layer × 16, a window of 8, 20 characters, random weights."""
    vocab = CharVocab("\n　，。江上起了雾渡口只剩一盏灯第回他道")
    config = CharGPTConfig(
        vocab_size=len(vocab), window=8, num_layers=1, num_heads=2, hidden_size=16
    )
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = CharGPT(config)
    for parameter in model.parameters():
        if parameter.ndim == 2:
            parameter.data *= 20
    folder = tmp_path_factory.mktemp("novelist") / "tiny"
    Novelist(model, vocab, name="tiny", opening="第").save(folder)
    return folder


@pytest.fixture(scope="session")
def tiny_head(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A classifier's folder: 1 layer × 16, three labels, random weights that tell texts apart."""
    tokenizer = load_tokenizer(SHIPPED_VOCAB)
    shape = GPT2Config(
        vocab_size=len(tokenizer),
        n_positions=32,
        n_embd=16,
        n_layer=1,
        n_head=2,
        initializer_range=0.5,
        **special_ids(tokenizer),
    )
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = BackboneWithHead(GPT2Model(shape), 3, pooling="mean")
        model.head.weight.data *= 50
    labels = ("高兴", "难过", "平常")
    config = HeadConfig(labels=labels, max_length=16, pooling="mean", temperature=2.0)
    folder = tmp_path_factory.mktemp("head") / "tiny"
    return save_head(folder, TrainedHead("tiny", model, tokenizer, config, {"steps": 7}))
