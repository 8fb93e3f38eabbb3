"""Prompts have the lengths that the tables promise, and the models room for them."""

import random

import pytest

from benchmarks.contender import Answer, Ids
from benchmarks.peers import PEERS
from benchmarks.subjects import SUBJECTS, chitchat, shipped, words
from benchmarks.workload import WORKLOADS, Workload


class Parrot:
    """Answers with the last token of the prompt."""

    def answer(self, prompts: list[Ids], num_new_tokens: int) -> Answer:
        return Answer([prompt[-1:] * num_new_tokens for prompt in prompts], 0)


def test_a_conversation_holds_the_answers_that_were_given() -> None:
    workload = Workload(
        title="", num_streams=2, num_turns=3, utterance_length=4, reply_length=3, num_new_tokens=5
    )
    prompts = workload.prompts(Parrot(), range(10, 20), random.Random(0))
    assert [len(prompt) for prompt in prompts] == [18, 18]
    assert all(10 <= id_ < 20 for prompt in prompts for id_ in prompt)
    for prompt in prompts:
        assert prompt[4:7] == prompt[3:4] * 3
        assert prompt[11:14] == prompt[10:11] * 3
    assert workload.history_length == 14
    assert workload.num_positions == 23
    assert workload.num_tokens == 10


def test_prompts_are_new_every_time_and_the_same_in_every_run() -> None:
    draw = random.Random(0)
    workload = WORKLOADS["8"]
    first, second = (workload.prompts(Parrot(), range(5, 99), draw) for _ in range(2))
    assert first != second
    assert workload.prompts(Parrot(), range(5, 99), random.Random(0)) == first
    assert {len(prompt) for prompt in first} == {60}


def test_the_work_is_what_the_issue_asks() -> None:
    counts = {
        name: (w.num_streams, w.utterance_length, w.num_new_tokens) for name, w in WORKLOADS.items()
    }
    for name in ("1", "8", "32", "256"):
        assert counts[name] == (int(name), 60, 32)
    assert WORKLOADS["turn5"].history_length == 300
    assert WORKLOADS["turn5"].num_new_tokens == 1


@pytest.mark.parametrize("name", ["chitchat", "chitchat-512", "shipped"])
def test_models_have_room_for_their_work(name: str) -> None:
    subject = SUBJECTS[name]
    model, tokenizer = subject.build()
    assert model.config.vocab_size == len(tokenizer)
    for row in subject.workloads:
        assert WORKLOADS[row].num_positions <= model.config.n_positions
    assert not set(tokenizer.all_special_ids) & set(words(tokenizer))
    assert {row for row, _ in subject.targets} <= set(subject.workloads)
    assert {peer for _, peer in subject.targets} <= set(PEERS)


def test_chitchat_is_its_published_size_and_always_the_same() -> None:
    model, tokenizer = chitchat()
    assert (model.config.n_layer, model.config.n_embd, len(tokenizer)) == (12, 768, 13_317)
    assert 95e6 < sum(part.numel() for part in model.parameters()) < 97e6
    weight = model.transformer.h[3].mlp.c_fc.weight
    assert weight.equal(chitchat()[0].transformer.h[3].mlp.c_fc.weight)
    assert shipped()[0].config.n_layer == 6
