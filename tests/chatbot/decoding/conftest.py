"""A tiny seeded model, requests to it, and engines that run them among others."""

import asyncio
import copy
import random
import threading
import time
from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence

import pytest
import torch
from transformers import GPT2Config, GPT2LMHeadModel

from chatbot.decoding.engine import Engine
from chatbot.decoding.params import SamplingParams
from chatbot.decoding.request import Request
from chatbot.decoding.sequence import Sequence as Reply
from chatbot.decoding.sequence import TokenRules
from chatbot.decoding.worker import Worker

VOCAB_SIZE = 97
CLS, SEP = 2, 3
STOP = frozenset({SEP, *range(30, 36)})  # several, so that random replies end by themselves
BANNED = frozenset({0, 1, CLS, 4})
POISON = 90  # what poisoned_model has no finite embedding for
FOREIGN = 500  # no id of the model's

Ids = tuple[int, ...]
MakeSequence = Callable[..., Reply]
MakeRequest = Callable[..., Request]
RandomPrompts = Callable[..., list[Ids]]
RunMixed = Callable[..., None]
Until = Callable[[Callable[[], bool]], Awaitable[None]]


@pytest.fixture(scope="session")
def model() -> GPT2LMHeadModel:
    """2 layers × 32, 64 positions, weights large enough for logits of both signs that differ."""
    config = GPT2Config(
        vocab_size=VOCAB_SIZE,
        n_positions=64,
        n_embd=32,
        n_layer=2,
        n_head=2,
        initializer_range=0.3,
        bos_token_id=CLS,
        eos_token_id=SEP,
        pad_token_id=0,
    )
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return GPT2LMHeadModel(config).eval()


@pytest.fixture(scope="session")
def poisoned_model(model: GPT2LMHeadModel) -> GPT2LMHeadModel:
    """The model with an id, ``POISON``, whose embedding is NaN; others' logits are what they were."""
    twin = copy.deepcopy(model)
    twin.lm_head.weight = torch.nn.Parameter(model.lm_head.weight.detach().clone())
    twin.transformer.wte.weight.data[POISON] = torch.nan
    return twin


@pytest.fixture(scope="session")
def rules() -> TokenRules:
    return TokenRules(stop_ids=STOP, banned_ids=BANNED)


def greedy(**params: float | None) -> SamplingParams:
    """Greedy, without penalties and with seed 0, but for what is given."""
    plain = {"temperature": 0.0, "top_p": 1.0, "repetition_penalty": 1.0, "seed": 0}
    plain["max_new_tokens"] = 24
    return SamplingParams(**{**plain, **params})  # type: ignore[arg-type]


@pytest.fixture
def make_sequence(rules: TokenRules) -> MakeSequence:
    """``make_sequence(prompt, **params)``; see ``greedy``."""

    def make(prompt: Iterable[int] = (CLS, 10, 11, SEP), **params: float | None) -> Reply:
        return Reply(prompt, greedy(**params), rules)

    return make


@pytest.fixture
def make_request(rules: TokenRules) -> MakeRequest:
    """``make_request(prompt, deadline=…, **params)``; see ``greedy``."""

    def make(
        prompt: Iterable[int] = (CLS, 10, 11, SEP),
        *,
        deadline: float | None = None,
        **params: float | None,
    ) -> Request:
        return Request(prompt, greedy(**params), rules, deadline=deadline)

    return make


@pytest.fixture(scope="session")
def random_prompts() -> RandomPrompts:
    """``random_prompts(count, seed=0, longest=30)``: an opening id, 1 to ``longest``, a SEP."""

    def make(count: int, *, seed: int = 0, longest: int = 30) -> list[Ids]:
        chance = random.Random(seed)
        bodies = (
            [chance.randrange(5, VOCAB_SIZE) for _ in range(chance.randint(1, longest))]
            for _ in range(count)
        )
        return [(CLS, *body, SEP) for body in bodies]

    return make


@pytest.fixture(scope="session")
def run_mixed(rules: TokenRules) -> RunMixed:
    """``run_mixed(engine, requests, seed)``: all of them, arriving at random steps.

    Among them come others of random parameters, half of which are cancelled at random steps.
    """

    def strangers(chance: random.Random) -> Request:
        body = [chance.randrange(5, VOCAB_SIZE) for _ in range(chance.randint(1, 40))]
        params = SamplingParams(
            temperature=chance.choice([0.0, 0.7, 1.5]),
            top_k=chance.choice([0, 1, 8]),
            top_p=chance.choice([0.5, 0.9, 1.0]),
            candidates=chance.choice([1, 1, 1, 3]),
            max_new_tokens=chance.randint(1, 20),
            seed=chance.randrange(2**32),
        )
        return Request((CLS, *body, SEP), params, rules)

    def run(engine: Engine, requests: Sequence[Request], seed: int = 0) -> None:
        chance = random.Random(seed)
        pending, doomed = list(requests)[::-1], []
        while pending or not engine.is_idle:
            for _ in range(chance.choice([0, 0, 1, 1, 3])):
                if pending and not engine.scheduler.is_full:
                    engine.add(pending.pop())
            if pending and chance.random() < 0.1 and not engine.scheduler.is_full:
                doomed.append(strangers(chance))
                engine.add(doomed[-1])
            engine.step()
            if doomed and chance.random() < 0.1:
                engine.cancel(doomed.pop(chance.randrange(len(doomed))))

    return run


class GatedEngine(Engine):
    """An engine whose steps wait for leave: ``allow(n)`` lets n more happen."""

    def __init__(self, model: GPT2LMHeadModel, *, num_slots: int, max_waiting: int) -> None:
        super().__init__(model, num_slots=num_slots, max_waiting=max_waiting)
        self.num_steps = 0
        self.failures: list[Exception] = []
        self._leave = threading.Semaphore(0)

    def allow(self, steps: int = 10_000) -> None:
        self._leave.release(steps)

    def step(self) -> list[Request]:
        self._leave.acquire()
        self.num_steps += 1
        if self.failures:
            raise self.failures.pop()
        return super().step()


@pytest.fixture
def gated(model: GPT2LMHeadModel) -> GatedEngine:
    return GatedEngine(model, num_slots=2, max_waiting=1)


@pytest.fixture
def worker(gated: GatedEngine) -> Iterator[Worker]:
    worker = Worker(gated)
    yield worker
    gated.allow()
    worker.close()


@pytest.fixture
def endless() -> Callable[[], Request]:
    """Requests that go on for 48 tokens."""
    no_stop = TokenRules(stop_ids=frozenset({SEP}), banned_ids=frozenset({0, 1, CLS, SEP, 4}))
    params = SamplingParams(max_new_tokens=48, seed=1)
    return lambda: Request([CLS, 10, SEP], params, no_stop)


@pytest.fixture
def until() -> Until:
    """``await until(condition)``: wait for another thread, half a minute at most."""

    async def wait(condition: Callable[[], bool]) -> None:
        deadline = time.monotonic() + 30
        while not condition():
            assert time.monotonic() < deadline, "it never came to that"
            await asyncio.sleep(0.002)

    return wait
