"""The loss of a packed batch, and what one update does to a model."""

import math
from collections.abc import Callable, Sequence
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest
import torch
from torch import Tensor
from transformers import GPT2LMHeadModel

from chatbot.dialogue import DialogueEncoder
from training.collate import Batch, collate
from training.config import TrainConfig
from training.dialogue_task import loss_sum
from training.errors import Diverged
from training.learner import Learner

MakeModel = Callable[..., GPT2LMHeadModel]
Quick = Callable[..., TrainConfig]
Dialogues = Sequence[Sequence[str]]


def pack(encoder: DialogueEncoder, *rows: Dialogues, num_rows: int | None = None) -> Batch:
    arrays = [[np.array(encoder.encode(texts)) for texts in row] for row in rows]
    return collate(arrays, pad_id=encoder.pad_id, row_length=96, num_rows=num_rows)


@torch.no_grad()
def alone(model: GPT2LMHeadModel, encoder: DialogueEncoder, texts: Sequence[str]) -> float:
    """The summed loss of one dialogue by the library's own shift of ``labels``."""
    ids = torch.tensor([encoder.encode(texts)])
    return float(model(input_ids=ids, labels=ids).loss) * (ids.shape[1] - 1)


@torch.no_grad()
def test_a_packed_batch_costs_what_its_dialogues_cost_alone(
    make_model: MakeModel, encoder: DialogueEncoder, dialogues: Dialogues
) -> None:
    model = make_model().eval()
    expected = sum(alone(model, encoder, texts) for texts in dialogues)
    model.config._attn_implementation = "eager"
    batch = pack(encoder, dialogues[:3], dialogues[3:5], dialogues[5:], num_rows=5)
    assert float(loss_sum(model, batch)) == pytest.approx(expected, rel=1e-5)


@torch.no_grad()
def test_the_loss_is_the_cross_entropy_computed_by_hand(
    make_model: MakeModel, encoder: DialogueEncoder, dialogues: Dialogues
) -> None:
    model = make_model().eval()
    expected = 0.0
    for texts in dialogues[:3]:
        ids = encoder.encode(texts)
        logits = model(input_ids=torch.tensor([ids])).logits[0].double()
        for position, target in enumerate(ids[1:]):
            row = logits[position].tolist()
            expected -= row[target] - math.log(sum(math.exp(value) for value in row))
    assert float(loss_sum(model, pack(encoder, dialogues[:3]))) == pytest.approx(expected, rel=1e-5)


class Oracle:
    """A model that is sure of the id ``ahead`` places on, whatever it is asked."""

    dtype = torch.float32
    training = False

    def __init__(self, ahead: int, vocab_size: int) -> None:
        self.ahead, self.vocab_size = ahead, vocab_size

    def __call__(self, *, input_ids: Tensor, **_: Any) -> Any:
        wanted = input_ids.roll(-self.ahead, dims=1)
        return SimpleNamespace(logits=torch.nn.functional.one_hot(wanted, self.vocab_size) * 50.0)


def test_labels_are_shifted_exactly_once(encoder: DialogueEncoder, dialogues: Dialogues) -> None:
    batch = pack(encoder, dialogues[:3])
    losses = [
        float(loss_sum(cast(Any, Oracle(ahead, len(encoder.tokenizer))), batch)) / batch.num_targets
        for ahead in (0, 1, 2)
    ]
    assert losses[1] == pytest.approx(0, abs=1e-6)
    assert min(losses[0], losses[2]) > 10


@torch.no_grad()
def test_what_stands_beside_a_dialogue_does_not_matter(
    make_model: MakeModel, encoder: DialogueEncoder, dialogues: Dialogues
) -> None:
    model = make_model().eval()
    model.config._attn_implementation = "eager"
    both = float(loss_sum(model, pack(encoder, dialogues[:2])))
    turned = float(loss_sum(model, pack(encoder, dialogues[1::-1])))
    single = sum(float(loss_sum(model, pack(encoder, [texts]))) for texts in dialogues[:2])
    assert both == pytest.approx(turned, rel=1e-5)
    assert both == pytest.approx(single, rel=1e-5)


def learn(learner: Learner, *batches: Batch, steps: int = 1) -> list[float]:
    return [learner.update(batches, step, steps)[0] for step in range(steps)]


def test_accumulation_is_one_large_batch(
    make_model: MakeModel, encoder: DialogueEncoder, dialogues: Dialogues, quick: Quick
) -> None:
    learners = [Learner(make_model(), loss_sum, quick(), num_tokens=1) for _ in range(2)]
    rows = [[texts] for texts in dialogues]  # of very different lengths
    together = learn(learners[0], pack(encoder, *rows), steps=3)
    parts = [pack(encoder, *rows[start : start + 3], num_rows=3) for start in range(0, 8, 3)]
    apart = learn(learners[1], *parts, steps=3)
    assert together == pytest.approx(apart, rel=1e-5)
    states = [learner.refresh().state_dict() for learner in learners]
    for state in states:
        # Softmax ignores a shift of all keys: their bias has no gradient, only rounding noise.
        for layer in (0, 1):
            state[f"transformer.h.{layer}.attn.c_attn.bias"][16:32] = 0
    torch.testing.assert_close(states[0], states[1], rtol=1e-4, atol=1e-5)


def test_a_tiny_model_s_loss_falls(
    make_model: MakeModel, encoder: DialogueEncoder, dialogues: Dialogues, quick: Quick
) -> None:
    learner = Learner(make_model(), loss_sum, quick(), num_tokens=1)
    batch = pack(encoder, dialogues[:4], dialogues[4:])
    before = learner.evaluate([batch])
    losses = learn(learner, batch, steps=40)
    assert losses[0] == pytest.approx(before, rel=1e-5)
    assert losses[-1] < 0.5 * losses[0]
    assert learner.evaluate([batch]) < 0.5 * before


def test_the_mean_counts_every_target_once(
    make_model: MakeModel, encoder: DialogueEncoder, dialogues: Dialogues, quick: Quick
) -> None:
    learner = Learner(make_model(), loss_sum, quick(), num_tokens=1)
    total = sum(alone(learner.reference, encoder, texts) for texts in dialogues[:3])
    count = sum(len(encoder.encode(texts)) - 1 for texts in dialogues[:3])
    parts = [pack(encoder, dialogues[:1], num_rows=2), pack(encoder, dialogues[1:3])]
    assert learner.evaluate(parts) == pytest.approx(total / count, rel=1e-5)
    assert learner.evaluate([]) == 0


def test_evaluation_drops_nothing_out_and_training_does(
    make_model: MakeModel, encoder: DialogueEncoder, dialogues: Dialogues, quick: Quick
) -> None:
    learner = Learner(make_model(resid_pdrop=0.5), loss_sum, quick(), num_tokens=1)
    batch = pack(encoder, dialogues[:4])
    losses = {learner.evaluate([batch]) for _ in range(3)}
    assert len(losses) == 1
    learner.update([batch], 0, 9)
    assert learner.model.training


def test_the_reference_is_exact_and_brought_up_to_date(
    make_model: MakeModel, encoder: DialogueEncoder, dialogues: Dialogues, quick: Quick
) -> None:
    original = {key: value.clone() for key, value in make_model().state_dict().items()}
    learner = Learner(make_model(), loss_sum, quick(precision="bfloat16"), num_tokens=1)
    assert learner.model.dtype == torch.bfloat16
    refreshed = learner.refresh()
    assert refreshed is learner.reference
    assert all(torch.equal(refreshed.state_dict()[key], original[key]) for key in original)
    learn(learner, pack(encoder, dialogues[:4]), steps=3)
    changed = learner.refresh().state_dict()["transformer.wte.weight"]
    assert changed.dtype == torch.float32
    assert not torch.equal(changed, original["transformer.wte.weight"])
    assert torch.equal(changed.bfloat16(), learner.model.transformer.wte.weight)
    assert refreshed.lm_head.weight is refreshed.transformer.wte.weight


@pytest.mark.parametrize("value", [math.nan, math.inf, 1e38])
def test_what_is_not_finite_raises_and_changes_no_weight(
    make_model: MakeModel, encoder: DialogueEncoder, quick: Quick, value: float
) -> None:
    learner = Learner(make_model(), loss_sum, quick(), num_tokens=1)
    with torch.no_grad():
        learner.model.transformer.ln_f.weight.fill_(value)
    before = {key: tensor.clone() for key, tensor in learner.model.state_dict().items()}
    with pytest.raises(Diverged, match=r"第 8 步.*；调小 learning_rate"):
        learner.update([pack(encoder, [("你好", "好")])], 7, 9)
    after = learner.model.state_dict()
    assert all(torch.equal(after[key].nan_to_num(), before[key].nan_to_num()) for key in before)


def test_frozen_weights_do_not_move_by_a_bit_and_have_no_state(
    make_model: MakeModel, encoder: DialogueEncoder, dialogues: Dialogues, quick: Quick
) -> None:
    model = make_model()
    model.transformer.wte.requires_grad_(False)
    original = {key: value.clone() for key, value in model.state_dict().items()}
    learner = Learner(model, loss_sum, quick(precision="bfloat16"), num_tokens=1)
    learn(learner, pack(encoder, dialogues[:4]), steps=3)
    learned = learner.refresh().state_dict()
    moved = {key for key in original if not torch.equal(learned[key], original[key])}
    assert moved == set(original) - {"transformer.wte.weight", "lm_head.weight"}
    assert len(learner.optimizer.masters) == len(list(model.parameters())) - 1
