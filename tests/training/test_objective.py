"""Label smoothing and unlikelihood against loops that follow the papers word for word."""

import math
from collections.abc import Callable, Sequence

import numpy as np
import pytest
import torch
from transformers import GPT2LMHeadModel

from chatbot.dialogue import DialogueEncoder
from training.collate import IGNORE, Batch, attention_mask, collate
from training.dialogue_task import loss_sum
from training.objective import cross_entropy_sum, unlikelihood_sum

MakeModel = Callable[..., GPT2LMHeadModel]
Dialogues = Sequence[Sequence[str]]


@pytest.fixture
def batch(encoder: DialogueEncoder, dialogues: Dialogues) -> Batch:
    """Two rows of three dialogues with the loss on the bot's words."""
    repeating = ("好好好", "你好你好好")
    rows = [(dialogues[0], repeating), (dialogues[1],)]
    ids = [[np.array(encoder.encode(texts)) for texts in row] for row in rows]
    return collate(ids, pad_id=encoder.pad_id, row_length=32, loss_on="bot", sep_id=encoder.sep_id)


@pytest.fixture
def logits(batch: Batch, encoder: DialogueEncoder) -> torch.Tensor:
    """Any logits."""
    torch.manual_seed(0)
    return 3 * torch.randn(*batch.labels.shape, len(encoder.tokenizer))


def targets(batch: Batch) -> list[tuple[int, int]]:
    return [(int(r), int(t)) for r, t in (batch.labels != IGNORE).nonzero()]


def log_p(logits: torch.Tensor, r: int, t: int) -> list[float]:
    row = logits[r, t].double()
    return (row - row.logsumexp(0)).tolist()


@pytest.mark.parametrize("smoothing", [0.0, 0.1, 0.5])
def test_label_smoothing_spreads_a_share_of_the_target(
    batch: Batch, logits: torch.Tensor, smoothing: float
) -> None:
    expected = 0.0
    for r, t in targets(batch):
        scores = log_p(logits, r, t)
        own, even = scores[int(batch.labels[r, t])], sum(scores) / len(scores)
        expected -= (1 - smoothing) * own + smoothing * even
    found = float(cross_entropy_sum(logits, batch.labels, smoothing))
    assert found == pytest.approx(expected, rel=1e-5)


def test_unlikelihood_is_that_of_the_paper(batch: Batch, logits: torch.Tensor) -> None:
    expected, num_candidates = 0.0, 0
    for r, t in targets(batch):
        read = {
            int(batch.input_ids[r, s])
            for s in range(t + 1)
            if batch.segment_ids[r, s] == batch.segment_ids[r, t]
        }
        for candidate in read - {int(batch.labels[r, t])}:
            expected -= math.log(1 - math.exp(log_p(logits, r, t)[candidate]))
            num_candidates += 1
    assert num_candidates > 20
    assert float(unlikelihood_sum(logits, batch)) == pytest.approx(expected, rel=1e-4)


def test_a_certain_repetition_costs_much_but_not_infinitely(batch: Batch) -> None:
    sure = torch.zeros(*batch.labels.shape, 99)
    sure[..., int(batch.input_ids[0, 1])] = 1e4
    sure.requires_grad_(True)
    loss = unlikelihood_sum(sure, batch)
    (gradient,) = torch.autograd.grad(loss, sure)
    assert loss.isfinite()
    assert loss > 5
    assert gradient.isfinite().all()


def test_both_count_in_training_and_not_in_validation(make_model: MakeModel, batch: Batch) -> None:
    model = make_model()
    extra = {"label_smoothing": 0.2, "unlikelihood": 0.5}
    plain = loss_sum(model.eval(), batch)
    assert torch.equal(loss_sum(model, batch, **extra), plain)
    model.train()
    assert torch.allclose(loss_sum(model, batch), plain)
    both = loss_sum(model, batch, **extra)
    logits = model(
        input_ids=batch.input_ids,
        position_ids=batch.position_ids,
        attention_mask=attention_mask(batch.segment_ids, model.dtype),
    ).logits
    parts = cross_entropy_sum(logits, batch.labels, 0.2) + 0.5 * unlikelihood_sum(logits, batch)
    assert torch.allclose(both, parts)
