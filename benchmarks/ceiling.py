"""How fast memory lets anybody decode: every step reads all weights and everybody's keys."""

import time

import torch
from transformers import GPT2LMHeadModel

from benchmarks.workload import Workload

_NUM_READS = 7


def bandwidth(device: str, num_bytes: int = 2**30) -> float:
    """Return the bytes a second that summing a long vector reads; the best of some reads."""
    vector = torch.ones(num_bytes // 4, device=device)
    return num_bytes / min(_read_seconds(vector) for _ in range(_NUM_READS))


def ceiling(
    model: GPT2LMHeadModel, workload: Workload, weight_bytes: int, read_speed: float
) -> float | None:
    """Return the tokens a second that all streams can decode together; None: nothing is decoded.

    Args:
        weight_bytes: of each weight as it is read in decoding.
        read_speed: bytes a second.
    """
    if workload.num_new_tokens == 1:
        return None
    return workload.num_streams * read_speed / bytes_per_step(model, workload, weight_bytes)


def bytes_per_step(model: GPT2LMHeadModel, workload: Workload, weight_bytes: int) -> int:
    """Return what decoding one token for each stream must read, at the middle of its length.

    Keys and values count two bytes each, and of the positions' table only a row is read.
    """
    config = model.config
    num_weights: int = sum(part.numel() for part in model.parameters())
    num_weights -= model.transformer.wpe.weight.numel()
    num_seen = workload.num_positions - workload.num_new_tokens // 2
    keys_and_values: int = 2 * 2 * config.n_layer * config.n_embd * num_seen
    return num_weights * weight_bytes + workload.num_streams * keys_and_values


def _read_seconds(vector: torch.Tensor) -> float:
    begin = time.perf_counter()
    vector.sum().item()  # waits for the device
    return time.perf_counter() - begin
