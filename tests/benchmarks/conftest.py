"""Tiny models in the place of the ones that are measured."""

import contextlib
import time
from collections.abc import Callable

import pytest
import torch
from transformers import BertTokenizerFast, GPT2Config, GPT2LMHeadModel

from benchmarks.child import Entry
from benchmarks.contender import Answer, Ids
from benchmarks.subjects import Pair, Subject
from chatbot.checkpoint import special_ids
from vocab.wordpiece import SPECIAL_TOKENS

VOCAB_SIZE = 40


@pytest.fixture(scope="session")
def make_pair() -> Callable[..., Pair]:
    """Make a model of 2 layers × 32 and its tokenizer; it can be made fond of one id."""

    def make(favourite: int | None = None) -> Pair:
        names = [*SPECIAL_TOKENS, *(f"t{n}" for n in range(len(SPECIAL_TOKENS), VOCAB_SIZE))]
        tokenizer = BertTokenizerFast(vocab={name: id_ for id_, name in enumerate(names)})
        config = GPT2Config(
            vocab_size=VOCAB_SIZE,
            n_positions=384,
            n_embd=32,
            n_layer=2,
            n_head=2,
            **special_ids(tokenizer),
        )
        with torch.random.fork_rng(), torch.no_grad():
            torch.manual_seed(0)
            model = GPT2LMHeadModel(config).eval()
            if favourite is not None:
                direction = model.transformer.wte.weight[favourite]
                model.transformer.ln_f.bias.copy_(100 * direction / direction.norm() ** 2)
        return model, tokenizer

    return make


class Here(contextlib.AbstractContextManager["Here", None]):
    """The side of an entry, in this process."""

    def __init__(self, entry: Entry) -> None:
        self._contender = entry.contender()

    def __exit__(self, *_error: object) -> None: ...

    def answer(self, prompts: list[Ids], num_new_tokens: int) -> Answer:
        begin = time.perf_counter()
        return Answer(
            self._contender.generate(prompts, num_new_tokens), time.perf_counter() - begin
        )


@pytest.fixture
def tiny(make_pair: Callable[..., Pair], monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a tiny model be all there is to measure, in this process; waste no time."""
    subjects = {
        "tiny": Subject(
            title="小模型",
            build=make_pair,
            workloads=("1", "8", "turn5"),
            targets={("1", "generate-fp32"): 0.0001, ("1", "generate-bf16"): 10_000},
        ),
        "tiny-cuda": Subject(title="显卡", build=make_pair, workloads=("1",), device="cuda"),
    }
    for module in ("program", "report", "__main__"):
        monkeypatch.setattr(f"benchmarks.{module}.SUBJECTS", subjects)
    monkeypatch.setattr("benchmarks.program.Child", Here)
    monkeypatch.setattr("benchmarks.race._SETTLE_SECONDS", 0)
    monkeypatch.setattr("benchmarks.program.bandwidth", lambda _device: 1e9)
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
