"""Pretrained folders of several kinds and a small set of labelled texts, made on the spot."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from tokenizers.pre_tokenizers import Split
from transformers import (
    BertConfig,
    BertForMaskedLM,
    GPT2Config,
    GPT2LMHeadModel,
    PreTrainedTokenizerFast,
)

from chatbot.head_folder import load_head, save_head
from training.head.examples import Example
from training.head.guard_texts import INNOCENT, OFFENSIVE
from vocab.wordpiece import SPECIAL_TOKENS

CHARACTERS = "今天气真好坏很糟我你他不喜欢讨厌这个菜饭店吃了去来的是也"
GOOD = [
    f"{who}{much}喜欢这个{what}"
    for who in "我你他"
    for much in ("", "很", "真")
    for what in "菜饭店"
]
BAD = [
    f"{who}{much}讨厌这个{what}"
    for who in "我你他"
    for much in ("", "很", "真")
    for what in "菜饭店"
]


@pytest.fixture(autouse=True)
def _no_curves(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("training.journal.draw_curves", lambda *_: None)


@pytest.fixture(scope="session")
def examples() -> list[Example]:
    """27 texts of each of two labels, which differ by one word."""
    good = [Example("好", text) for text in GOOD]
    return good + [Example("坏", text) for text in BAD]


@pytest.fixture
def data(tmp_path: Path, examples: list[Example]) -> Path:
    """The same as a file."""
    path = tmp_path / "data.tsv"
    path.write_text("".join(f"{item.label}\t{item.text}\n" for item in examples), "utf-8")
    return path


def _vocab(folder: Path) -> int:
    tokens = [*SPECIAL_TOKENS, *CHARACTERS]
    (folder / "vocab.txt").write_text("\n".join(tokens), "utf-8")
    return len(tokens)


def _hub_gpt2(folder: Path) -> None:
    """As ckiplab/gpt2-base-chinese lies: GPT-2 with a language head, a BERT tokenizer's table."""
    size = _vocab(folder)
    config = GPT2Config(vocab_size=size, n_positions=32, n_embd=32, n_layer=3, n_head=2)
    config.resid_pdrop = config.embd_pdrop = config.attn_pdrop = 0.0
    config.initializer_range = 0.3
    GPT2LMHeadModel(config).save_pretrained(folder)


def _hub_bert(folder: Path) -> None:
    """A BERT as its masked language model was saved: no pooler."""
    config = BertConfig(
        vocab_size=_vocab(folder),
        hidden_size=32,
        num_hidden_layers=3,
        num_attention_heads=2,
        intermediate_size=64,
        max_position_embeddings=32,
        hidden_dropout_prob=0.0,
        attention_probs_dropout_prob=0.0,
        initializer_range=0.3,
    )
    BertForMaskedLM(config).save_pretrained(folder)


def _hub_other(folder: Path) -> None:
    """A GPT-2 whose tokenizer is another kind, without special tokens, as tokenizer.json."""
    table = {token: number for number, token in enumerate(["<unk>", *CHARACTERS])}
    tokenizer = Tokenizer(WordLevel(table, unk_token="<unk>"))
    tokenizer.pre_tokenizer = Split("", "isolated")
    PreTrainedTokenizerFast(tokenizer_object=tokenizer, unk_token="<unk>").save_pretrained(folder)
    config = GPT2Config(vocab_size=len(table), n_positions=32, n_embd=32, n_layer=3, n_head=2)
    config.resid_pdrop = config.embd_pdrop = config.attn_pdrop = 0.0
    GPT2LMHeadModel(config).save_pretrained(folder)


_KINDS: dict[str, Callable[[Path], None]] = {
    "gpt2": _hub_gpt2,
    "bert": _hub_bert,
    "other": _hub_other,
}


@pytest.fixture(scope="session")
def pretrained(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Folders of random models, three layers × 32, as the hub keeps them."""
    folders = {}
    for kind, make in _KINDS.items():
        folders[kind] = tmp_path_factory.mktemp(kind) / kind
        folders[kind].mkdir()
        with torch.random.fork_rng():
            torch.manual_seed(0)
            make(folders[kind])
    return folders


@pytest.fixture
def gpt2_folder(pretrained: dict[str, Path]) -> str:
    """The GPT-2 of the three."""
    return str(pretrained["gpt2"])


@pytest.fixture
def guard_folder(tiny_head: Path, tmp_path: Path) -> Path:
    """The tiny head as a guard: two of its labels, one of which it watches for."""
    head = load_head(tiny_head)
    head.model.head = torch.nn.Linear(16, 2)
    config = replace(head.config, labels=(INNOCENT, OFFENSIVE), positive=OFFENSIVE, threshold=0.8)
    return save_head(tmp_path / "guard", replace(head, config=config))


@pytest.fixture
def quick_head(quick: Callable[..., Any]) -> Callable[..., Any]:
    """A configuration that learns the examples in a second; keywords change it."""

    def make(**changes: Any) -> Any:
        return quick(**{"epochs": 4, "row_length": 16, "batch_rows": 6, **changes})

    return make
