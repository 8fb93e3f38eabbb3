"""A tiny corpus, vocabulary and model to train, all made on the spot."""

import dataclasses
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import settings
from matplotlib.figure import Figure
from transformers import GPT2Config, GPT2LMHeadModel

from chatbot.checkpoint import special_ids
from chatbot.dialogue import DialogueEncoder
from training.config import TrainConfig
from training.corpora import Dialogue
from training.dialogue_task import DialogueTask
from training.loop import Trainer
from training.packing import Mixture
from training.store import TokenStore, write_store
from vocab.wordpiece import SPECIAL_TOKENS, load_tokenizer

settings.register_profile("unhurried", deadline=None)  # the first call may load a library
settings.load_profile("unhurried")

DIALOGUES = (
    ("你好", "你好呀！"),
    ("今天好累", "早点睡吧。", "好的", "晚安～"),
    ("吃了吗", "吃了，你呢？", "我也吃了", "真好。", "你好吗", "我很好！"),
    ("天气真好", "出去走走吧。"),
    ("我好累", "睡吧，晚安。", "你也睡吧", "好的。"),
    ("晚安", "晚安，明天见。"),
    ("明天见", "明天见！"),
    ("你吃什么", "我也在想呢。", "你想吧", "好呀。"),
)
SHAPE = {"model_type": "gpt2", "n_positions": 64, "n_embd": 16, "n_layer": 1, "n_head": 2}
NO_DROPOUT = {"resid_pdrop": 0.0, "embd_pdrop": 0.0, "attn_pdrop": 0.0}
HELD_OUT = (("你好呀", "你好！"), ("今天天气真好", "出去走走吧。", "好的", "真好。"))


@pytest.fixture(scope="session")
def dialogues() -> tuple[tuple[str, ...], ...]:
    """Eight dialogues of two to six utterances."""
    return DIALOGUES


@pytest.fixture(scope="session")
def vocab_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A table of the special tokens and the characters of the dialogues."""
    characters = sorted({c for dialogue in DIALOGUES + HELD_OUT for c in "".join(dialogue)})
    path = tmp_path_factory.mktemp("vocab") / "vocab.txt"
    path.write_text("\n".join([*SPECIAL_TOKENS, *characters]), encoding="utf-8")
    return path


@pytest.fixture(scope="session")
def encoder(vocab_file: Path) -> DialogueEncoder:
    """The encoder of that table."""
    return DialogueEncoder(load_tokenizer(vocab_file))


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    """A folder with the dialogues in one file and two others held out."""
    folder = tmp_path / "corpus"
    (folder / "held_out").mkdir(parents=True)
    for path, group in ((folder, DIALOGUES), (folder / "held_out", HELD_OUT)):
        text = "\n\n".join("\n".join(dialogue) for dialogue in group)
        (path / "a.txt").write_text(text, encoding="utf-8")
    return folder


@pytest.fixture
def make_store(tmp_path: Path, encoder: DialogueEncoder) -> Callable[..., TokenStore]:
    """Write dialogues into a store and open it."""

    def make(
        dialogues: Sequence[Sequence[str]] = DIALOGUES, *, name: str = "store", max_length: int = 64
    ) -> TokenStore:
        stream = [Dialogue(tuple(texts), Path("a.txt"), 1) for texts in dialogues]
        write_store(tmp_path / name, stream, encoder, max_length=max_length)
        return TokenStore(tmp_path / name, encoder)

    return make


@pytest.fixture(scope="session")
def make_model(encoder: DialogueEncoder) -> Callable[..., GPT2LMHeadModel]:
    """Make a random model of that vocabulary, the same for the same seed."""

    def make(seed: int = 0, **shape: Any) -> GPT2LMHeadModel:
        size = {"n_positions": 64, "n_embd": 16, "n_layer": 2, "n_head": 2, **NO_DROPOUT, **shape}
        ids = special_ids(encoder.tokenizer)
        with torch.random.fork_rng():
            torch.manual_seed(seed)
            return GPT2LMHeadModel(
                GPT2Config(vocab_size=len(encoder.tokenizer), initializer_range=0.1, **size, **ids)
            )

    return make


@pytest.fixture(scope="session")
def quick() -> Callable[..., TrainConfig]:
    """A configuration for tiny models on the CPU, exact in float32; keywords change it."""
    base = TrainConfig(
        epochs=2,
        row_length=32,
        batch_rows=2,
        learning_rate=1e-2,
        warmup_steps=2,
        dropout=0.0,
        patience=0,
        precision="float32",
        compile="off",
    )

    def make(**changes: Any) -> TrainConfig:
        return dataclasses.replace(base, **changes)

    return make


@pytest.fixture
def trainer(
    tmp_path: Path,
    make_store: Callable[..., TokenStore],
    make_model: Callable[..., GPT2LMHeadModel],
    encoder: DialogueEncoder,
    quick: Callable[..., TrainConfig],
    monkeypatch: pytest.MonkeyPatch,
) -> Callable[..., Trainer]:
    """Make a trainer on the dialogues, which draws no curve; keywords change its configuration."""
    monkeypatch.setattr("training.journal.draw_curves", lambda *_: None)
    valid = make_store([("你好呀", "你好！"), ("今天天气真好", "出去走走吧。")], name="valid")

    def make(
        out: str = "run", dialogues: Sequence[Sequence[str]] | None = None, **changes: Any
    ) -> Trainer:
        store = make_store(name="train") if dialogues is None else make_store(dialogues, name=out)
        config = quick(**changes)
        task = DialogueTask(
            make_model(),
            encoder,
            Mixture((store,), (1.0,)),
            Mixture((valid,), (1.0,)),
            config,
            name="小",
            generation={"temperature": 0.5},
        )
        return Trainer(task, config, tmp_path / out)

    return make


@pytest.fixture
def drawn(monkeypatch: pytest.MonkeyPatch) -> list[Figure]:
    """Every figure that was saved."""
    figures: list[Figure] = []
    save = Figure.savefig

    def saving(self: Figure, *arguments: Any, **options: Any) -> None:
        figures.append(self)
        save(self, *arguments, **options)

    monkeypatch.setattr(Figure, "savefig", saving)
    return figures


@pytest.fixture
def gpt2(tmp_path: Path) -> Path:
    """A ``GPT2Config`` JSON of a tiny model."""
    path = tmp_path / "gpt2.json"
    path.write_text(json.dumps(SHAPE), "utf-8")
    return path
