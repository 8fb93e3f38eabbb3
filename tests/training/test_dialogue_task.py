"""The dialogue model as the loop sees it."""

from collections.abc import Callable

import pytest
import torch

from chatbot.checkpoint import load_checkpoint
from training.dropout import Dropout
from training.loop import Trainer

MakeTrainer = Callable[..., Trainer]


@pytest.mark.parametrize("dropout", [0.0, 0.3])
def test_dropout_is_what_the_config_says_and_attention_has_none(
    trainer: MakeTrainer, dropout: float
) -> None:
    learner = trainer(dropout=dropout).learner
    for model in (learner.model, learner.reference):
        modules = dict(model.named_modules())
        dropouts = {name: m.p for name, m in modules.items() if isinstance(m, Dropout)}
        attention = {name for name in dropouts if name.endswith("attn_dropout")}
        assert attention
        assert {dropouts[name] for name in attention} == {0.0}
        assert {p for name, p in dropouts.items() if name not in attention} == {dropout}
        assert model.config.attn_pdrop == 0.0
        assert model.config.resid_pdrop == dropout


def test_the_same_arguments_give_the_same_batches(trainer: MakeTrainer) -> None:
    task = trainer(batch_rows=1).task
    count = task.num_batches(1)
    whole = [batch.input_ids for batch in task.batches(1, 0, count)]
    assert len(whole) == count
    task.num_batches(0)  # another epoch in between
    parts = [batch.input_ids for k in range(count) for batch in task.batches(1, k, k + 1)]
    assert all(torch.equal(a, b) for a, b in zip(whole, parts, strict=True))
    other = [batch.input_ids for batch in task.batches(0, 0, count)]
    assert not all(torch.equal(a, b) for a, b in zip(whole, other, strict=False))


def test_what_is_kept_tells_its_steps_and_perplexity(trainer: MakeTrainer) -> None:
    run = trainer()
    run.progress.step, run.progress.num_tokens = 3, 99
    run.task.save(run.out / "kept", run.progress, 2.0)
    manifest = load_checkpoint(run.out / "kept").manifest
    assert (manifest["steps"], manifest["tokens"]) == (3, 99)
    assert manifest["held_out_perplexity"] == 7.389
    assert run.task.describe(2.0) == "困惑度 7.39"
    assert run.task.describe(1e9).startswith("困惑度 5")
