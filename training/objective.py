"""What a dialogue model's loss is made of; every sum is over the labels that count."""

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from training.collate import IGNORE, Batch

_LARGEST = 1 - 1e-5  # a repeated token's probability: its logarithm below stays finite


def cross_entropy_sum(logits: Tensor, labels: Tensor, label_smoothing: float = 0.0) -> Tensor:
    """Return the summed cross-entropy of ``logits`` (B, T, V) and ``labels`` (B, T) in nats.

    With label smoothing (Szegedy et al. 2016) that share of a target is spread evenly over the
    vocabulary.
    """
    return cross_entropy(
        logits.flatten(0, 1).float(),
        labels.flatten(),
        ignore_index=IGNORE,
        reduction="sum",
        label_smoothing=label_smoothing,
    )


def unlikelihood_sum(logits: Tensor, batch: Batch) -> Tensor:
    """Return the token-level unlikelihood of repetition, summed: a float32 scalar.

    For each target the negative candidates are the tokens that came before it in its dialogue, the
    target itself left out, each once; of every one -log(1 - p) is added (Welleck et al. 2019,
    "Neural Text Generation with Unlikelihood Training", eq. 4).
    """
    ids, labels = batch.input_ids, batch.labels
    length = ids.shape[1]
    earlier = torch.ones(length, length, dtype=torch.bool, device=ids.device).tril()
    same = batch.segment_ids[:, :, None] == batch.segment_ids[:, None, :]  # (B, T, T)
    reads = same & earlier  # target at t has read what stands at s
    twin = ids[:, :, None] == ids[:, None, :]
    is_first = ~(twin & reads & ~torch.eye(length, dtype=torch.bool, device=ids.device)).any(2)
    candidates = (
        reads
        & is_first[:, None, :]
        & (ids[:, None, :] != labels[:, :, None])
        & (labels != IGNORE)[:, :, None]
    )
    log_p = logits.float().log_softmax(-1)
    of_read = log_p.gather(2, ids[:, None, :].expand(-1, length, -1))  # (B, T, T)
    terms = -torch.log1p(-of_read.exp().clamp(max=_LARGEST))
    return torch.where(candidates, terms, 0.0).sum()
