"""Limits are declared, and measured here: slots, queue, rows, prompt tokens, bytes."""

import random
from collections.abc import Callable, Iterable

import pytest
import torch
from transformers import GPT2LMHeadModel

from chatbot.decoding.cache import RowCache
from chatbot.decoding.engine import Engine
from chatbot.decoding.forward import Batch
from chatbot.decoding.native.kernels import kernels
from chatbot.decoding.params import Precision, SamplingParams
from chatbot.decoding.request import Request
from chatbot.decoding.sequence import TokenRules
from chatbot.errors import QueueFull

Ids = tuple[int, ...]
RandomPrompts = Callable[..., list[Ids]]
PRECISIONS: tuple[Precision, ...] = ("float32", "int8")
ROW_NUMBERS = 2 * 2 * 64 * 32  # keys and values, 2 layers × 64 positions × 32


def row_bytes(precision: Precision) -> int:
    """Bytes of a row: float32, or bfloat16 where the kernels compute."""
    return ROW_NUMBERS * (2 if precision == "int8" and kernels() is not None else 4)


def storage(tensors: Iterable[torch.Tensor]) -> int:
    """Bytes that really lie behind tensors, each memory counted once."""
    memory = {t.untyped_storage().data_ptr(): t.untyped_storage().nbytes() for t in tensors}
    return sum(memory.values())


def measured_bytes(engine: Engine) -> tuple[int, int]:
    """Bytes of the rows, and of the conversations between turns."""
    cache = engine.runner.cache
    if isinstance(cache, RowCache):
        rows = storage([cache.keys, cache.values])
    else:
        rows = storage(m for m in (*cache._rows, *cache._spare) if m is not None)
    kept = engine.runner.prefixes._kept.values()
    return rows, storage(part for prefix in kept for part in (prefix.keys, prefix.values))


@pytest.mark.parametrize("precision", PRECISIONS)
@pytest.mark.parametrize("num_rows", [16, 40])
def test_keys_and_values_stay_within_their_bytes(
    model: GPT2LMHeadModel,
    rules: TokenRules,
    random_prompts: RandomPrompts,
    num_rows: int,
    precision: Precision,
) -> None:
    cache_bytes = 2 * num_rows * row_bytes(precision)
    engine = Engine(
        model,
        num_slots=50,
        max_waiting=50,
        precision=precision,
        cache_bytes=cache_bytes,
        prompt_tokens=10**6,
    )
    assert engine.runner.num_rows == num_rows
    chance, most = random.Random(1), 0
    for prompt in random_prompts(100, seed=6, longest=38):
        params = SamplingParams(
            candidates=chance.choice([1, 1, 4]), max_new_tokens=chance.randint(1, 24), seed=0
        )
        engine.add(Request(prompt, params, rules))
    while not engine.is_idle:
        engine.step()
        rows, kept = measured_bytes(engine)
        assert rows <= cache_bytes // 2
        assert kept == engine.runner.prefixes.num_bytes <= cache_bytes // 2
        assert len(engine.runner.rows) <= num_rows
        most = max(most, len(engine.runner.rows))
    assert most > num_rows * 0.8
    assert engine.runner.prefixes.num_bytes > 0.9 * cache_bytes // 2  # it was filled


def test_a_cache_of_no_bytes_keeps_nothing_and_still_has_the_rows_of_one_request(
    model: GPT2LMHeadModel, rules: TokenRules, random_prompts: RandomPrompts
) -> None:
    for precision in PRECISIONS:
        engine = Engine(model, cache_bytes=0, precision=precision)
        engine.generate(
            random_prompts(20, longest=38), SamplingParams(candidates=16, max_new_tokens=20), rules
        )
        rows, kept = measured_bytes(engine)
        assert (engine.runner.num_rows, kept) == (16, 0)
        assert 0 < rows <= 16 * row_bytes(precision)


def test_a_finished_request_holds_no_keys(
    model: GPT2LMHeadModel, rules: TokenRules, random_prompts: RandomPrompts
) -> None:
    engine = Engine(model, cache_bytes=0)
    params = SamplingParams(candidates=2, max_new_tokens=4)
    requests = [Request(prompt, params, rules) for prompt in random_prompts(5)]
    engine.complete(requests)
    assert [request.prompt for request in requests] == [None] * 5


def test_no_more_run_than_there_are_slots_and_no_more_wait_than_may(
    model: GPT2LMHeadModel, rules: TokenRules, random_prompts: RandomPrompts
) -> None:
    engine = Engine(model, num_slots=3, max_waiting=2)
    params = SamplingParams(max_new_tokens=20, seed=0)
    prompts = random_prompts(6)
    for prompt in prompts[:5]:
        engine.add(Request(prompt, params, rules))
    with pytest.raises(QueueFull):
        engine.add(Request(prompts[5], params, rules))
    while not engine.is_idle:
        engine.step()
        assert len(engine.scheduler.running) <= 3


def test_a_step_reads_no_more_prompt_tokens_than_it_may(
    model: GPT2LMHeadModel,
    rules: TokenRules,
    random_prompts: RandomPrompts,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    engine = Engine(model, num_slots=20, prompt_tokens=40, cache_bytes=0)
    forward, counts = engine.runner.forward, []

    def spy(batch: Batch) -> torch.Tensor:
        counts.append(len(batch.ids) - len(batch.rows))
        return forward(batch)

    monkeypatch.setattr(engine.runner, "forward", spy)
    prompts = random_prompts(30)
    engine.generate(prompts, SamplingParams(max_new_tokens=6, seed=0), rules)
    assert max(counts) <= 40
    assert sum(counts) == sum(map(len, prompts))
    assert len([count for count in counts if count]) < len(prompts)  # several at a time
