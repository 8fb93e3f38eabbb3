"""Freezing a dialogue model: what learns, and that nothing else moves by a bit."""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from transformers import GPT2LMHeadModel

from chatbot.checkpoint import load_checkpoint
from training.errors import ConfigError
from training.freezing import freeze_language_model
from training.loop import Trainer

MakeTrainer = Callable[..., Trainer]
MakeModel = Callable[..., GPT2LMHeadModel]
TABLES = {"transformer.wte.weight", "transformer.wpe.weight"}


def layer(names: set[str], number: int) -> set[str]:
    return {name for name in names if name.startswith(f"transformer.h.{number}.")}


@pytest.mark.parametrize("how", ["none", "0", "embeddings", "1", "2", "all-but-head"])
def test_what_is_frozen_does_not_move_by_a_bit_and_has_no_state(
    trainer: MakeTrainer, make_model: MakeModel, tmp_path: Path, how: str
) -> None:
    before = {name: weight.clone() for name, weight in make_model().state_dict().items()}
    names = {name for name, _ in make_model().named_parameters()}
    frozen = {
        "none": set(),
        "0": set(),
        "embeddings": TABLES,
        "1": TABLES | layer(names, 0),
        "2": TABLES | layer(names, 0) | layer(names, 1),
        "all-but-head": names,
    }[how]
    run = trainer(freeze=how, weight_decay=0.5, epochs=1)
    run.run()
    model = run.learner.refresh()
    moved = {
        name for name, weight in model.named_parameters() if not torch.equal(weight, before[name])
    }
    head = {"lm_head.weight"} if how == "all-but-head" else set()
    assert moved == names - frozen | head
    assert len(run.learner.optimizer.masters) == len(moved)
    states = {key.partition(".")[0] for key in run.learner.optimizer.state()}
    assert states == {str(number) for number in range(len(moved))}
    saved = load_checkpoint(tmp_path / "run" / "last").model
    assert saved.config.tie_word_embeddings == (how != "all-but-head")
    ours, kept = model.state_dict()["lm_head.weight"], saved.state_dict()["lm_head.weight"]
    assert torch.equal(ours.half(), kept.half())


@pytest.mark.parametrize("how", ["3", "-1", "all", "", "head"])
def test_what_cannot_be_frozen_is_told(make_model: MakeModel, how: str) -> None:
    with pytest.raises(ConfigError, match="none、embeddings、1 到 2、all-but-head"):
        freeze_language_model(make_model(), how)
