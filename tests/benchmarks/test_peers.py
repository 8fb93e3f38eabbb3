"""Every contender writes exactly as much as asked, with the model it was given."""

import sys
from collections.abc import Callable

import pytest
import torch

from benchmarks.contender import Contender
from benchmarks.ours import Ours
from benchmarks.peers import PEERS
from benchmarks.peers.no_cache import _sampled
from benchmarks.subjects import Pair
from benchmarks.workload import WORKLOADS

NAMES = ["ours", *PEERS]
PROMPTS = [[2, 9, 10, 11], [2, 30, 31, 32], [2, 20, 21, 22]]


def build(name: str, pair: Pair) -> Contender:
    if name == "ours":
        return Ours(pair[0], num_slots=2)
    if name == "ctranslate2":
        pytest.importorskip("ctranslate2")
    return PEERS[name].build(*pair, 1)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("num_new_tokens", [1, 9])
def test_exactly_the_asked_number_even_when_the_model_would_stop(
    name: str, num_new_tokens: int, make_pair: Callable[..., Pair]
) -> None:
    pair = make_pair(favourite=3)  # [SEP]
    before = {key: tensor.clone() for key, tensor in pair[0].state_dict().items()}
    for prompts in (PROMPTS, PROMPTS[:1]):
        replies = build(name, pair).generate(prompts, num_new_tokens)
        assert [len(reply) for reply in replies] == [num_new_tokens] * len(prompts)
        assert all(0 <= id_ < 40 for reply in replies for id_ in reply)
    assert all(torch.equal(before[key], tensor) for key, tensor in pair[0].state_dict().items())


@pytest.mark.parametrize("name", NAMES)
def test_it_is_the_given_model_that_writes(name: str, make_pair: Callable[..., Pair]) -> None:
    assert build(name, make_pair(favourite=17)).generate(PROMPTS, 5) == [[17] * 5] * 3


@pytest.mark.parametrize("name", NAMES)
def test_it_samples(name: str, make_pair: Callable[..., Pair]) -> None:
    contender = build(name, make_pair())
    assert len({tuple(contender.generate(PROMPTS[:1], 8)[0]) for _ in range(4)}) > 1


def test_the_loop_draws_from_the_nucleus_of_the_likeliest() -> None:
    probabilities = torch.tensor([0.02, 0.5, 0.2, 0.25, 0.03])
    drawn = {int(_sampled(probabilities.log())) for _ in range(200)}
    assert drawn == {1, 2, 3}
    even = torch.zeros(30).index_fill(0, torch.arange(12), 1e-3)
    assert len({int(_sampled(even)) for _ in range(300)}) <= 8


def test_a_peer_that_is_not_installed_is_known(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ctranslate2", None)
    assert [name for name, peer in PEERS.items() if not peer.is_installed] == ["ctranslate2"]


def test_who_can_do_what() -> None:
    one, eight = WORKLOADS["1"], WORKLOADS["8"]
    assert [name for name, peer in PEERS.items() if not peer.can(eight, "cpu")] == ["no-cache"]
    assert all(peer.can(one, "cpu") for peer in PEERS.values())
    on_gpu = [name for name, peer in PEERS.items() if peer.can(one, "cuda")]
    assert on_gpu == ["generate-fp32", "generate-bf16"]
