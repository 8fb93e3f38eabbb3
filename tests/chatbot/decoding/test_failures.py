"""A request that fails, or asks for nonsense, touches no other."""

from collections.abc import Callable

import pytest
from transformers import GPT2LMHeadModel

from chatbot.decoding.cache import RowCache
from chatbot.decoding.engine import Engine
from chatbot.decoding.params import Precision, SamplingParams
from chatbot.decoding.request import Proposal, Request
from chatbot.decoding.sequence import TokenRules

MakeRequest = Callable[..., Request]
SEP, POISON, FOREIGN = 3, 90, 500
SHORT = SamplingParams(max_new_tokens=4)


def finish(engine: Engine) -> None:
    while not engine.is_idle:
        engine.step()
    assert engine.runner.rows == []


@pytest.mark.parametrize("prompt", [[2, FOREIGN, SEP], [2, -1, SEP], [], [2, 10.5, SEP]])
def test_a_prompt_that_the_model_cannot_read_fails_alone(
    model: GPT2LMHeadModel, make_request: MakeRequest, prompt: list[int]
) -> None:
    engine = Engine(model, num_slots=3)
    before, bad, after = make_request(), make_request(prompt), make_request()
    for request in (before, bad, after):
        engine.add(request)
    assert engine.step() == [before, bad, after]
    assert bad.finish_reason == "failed"
    assert isinstance(bad.error, IndexError)
    assert (before.error, after.error) == (None, None)
    engine.add(later := make_request())
    finish(engine)
    assert before.output_ids == after.output_ids == later.output_ids != []


@pytest.mark.parametrize("field", ["stop_ids", "banned_ids"])
def test_rules_that_name_unknown_ids_fail_alone(
    model: GPT2LMHeadModel, rules: TokenRules, make_request: MakeRequest, field: str
) -> None:
    ids = {"stop_ids": rules.stop_ids, "banned_ids": rules.banned_ids, field: {3, FOREIGN}}
    odd = TokenRules(**{name: frozenset(group) for name, group in ids.items()})
    engine = Engine(model)
    requests = [make_request(), Request([2, 10, SEP], SHORT, odd), make_request()]
    for request in requests:
        engine.add(request)
    finish(engine)
    assert [request.error is None for request in requests] == [True, False, True]


def test_a_proposal_of_unknown_ids_and_an_accept_that_raises_fail_alone(
    model: GPT2LMHeadModel, rules: TokenRules, make_request: MakeRequest
) -> None:
    def refuse(_ids: list[int]) -> bool:
        raise RuntimeError("no idea")

    engine, params = Engine(model), SamplingParams(max_new_tokens=4, candidates=2)
    odd = Proposal((FOREIGN,), 1.0)
    requests = [
        make_request(),
        Request([2, 10, SEP], params, rules, proposals=[odd]),
        Request([2, 11, SEP], params, rules, accept=refuse),
        make_request(candidates=2),
    ]
    for request in requests:
        engine.add(request)
    finish(engine)
    assert [type(request.error) for request in requests] == [
        type(None),
        IndexError,
        RuntimeError,
        type(None),
    ]


@pytest.mark.parametrize("precision", ["float32", "int8", "bfloat16"])
@pytest.mark.parametrize("candidates", [1, 2, 3])
@pytest.mark.parametrize("place", [0, 1, 2])
def test_what_is_not_finite_poisons_neither_neighbours_nor_the_next_in_its_rows(
    poisoned_model: GPT2LMHeadModel,
    make_request: MakeRequest,
    precision: Precision,
    candidates: int,
    place: int,
) -> None:
    clean = Engine(poisoned_model, precision=precision)
    (expected,) = clean.complete([make_request()])
    engine = Engine(poisoned_model, precision=precision)
    requests = [make_request(), make_request()]
    requests.insert(place, make_request([2, *[POISON] * 20, SEP], candidates=candidates))
    # One more that ends in the same step, and in the row that the other one leaves.
    requests.insert(place, make_request([2, *[POISON] * 20, SEP], candidates=candidates))
    for request in requests:
        engine.add(request)
    engine.step()
    assert [request.finish_reason for request in requests].count("failed") == 2
    later = [make_request(max_new_tokens=20) for _ in range(8)]
    for request in later:
        engine.add(request)
    finish(engine)
    healthy = [request for request in requests if POISON not in request.prompt_ids]
    assert [request.output_ids for request in healthy] == [expected] * 2
    assert [request.output_ids for request in later] == [expected[:20]] * 8


def test_no_memory_between_rows_holds_anything_but_numbers(
    poisoned_model: GPT2LMHeadModel, make_request: MakeRequest
) -> None:
    engine = Engine(poisoned_model, precision="float32")
    for candidates in (3, 1, 2):
        engine.add(make_request([2, *[POISON] * 20, SEP], candidates=candidates))
        engine.add(make_request(max_new_tokens=2))
    finish(engine)
    assert isinstance(engine.runner.cache, RowCache)
    assert engine.runner.cache.keys.isfinite().all()
    assert engine.runner.cache.values.isfinite().all()


@pytest.mark.parametrize("candidates", [1, 2])
def test_a_poisoned_prompt_is_not_kept_where_others_would_find_it(
    poisoned_model: GPT2LMHeadModel, make_request: MakeRequest, candidates: int
) -> None:
    """What stands before the poison is spoilt too: a hidden key times zero is still no number."""
    healthy = [2, 10, 11, 12, SEP]
    expected = Engine(poisoned_model).complete([make_request(healthy)])
    engine = Engine(poisoned_model)
    engine.add(make_request([2, 10, 11, POISON, SEP], candidates=candidates))
    finish(engine)
    assert engine.complete([make_request(healthy)]) == expected


def test_nothing_left_to_sample_fails_alone(
    model: GPT2LMHeadModel, rules: TokenRules, make_request: MakeRequest
) -> None:
    nothing = TokenRules(stop_ids=rules.stop_ids, banned_ids=frozenset(range(97)))
    engine = Engine(model)
    requests = [make_request(), Request([2, 10, SEP], SHORT, nothing), make_request()]
    for request in requests:
        engine.add(request)
    finish(engine)
    assert isinstance(requests[1].error, ValueError)
    assert requests[0].output_ids == requests[2].output_ids != []


@pytest.mark.parametrize("method", ["take", "copy", "put", "reserve"])
def test_a_step_that_raises_half_way_is_taken_again(
    model: GPT2LMHeadModel,
    make_request: MakeRequest,
    monkeypatch: pytest.MonkeyPatch,
    method: str,
) -> None:
    """Memory that runs out once: whoever can be served is, and nobody is served twice."""
    expected = Engine(model).complete([make_request(), make_request(candidates=2)])
    engine = Engine(model)
    engine.complete([make_request(), make_request(candidates=2)])  # so that there is what to put
    engine.add(running := make_request())
    engine.step()
    cache, failures = engine.runner.cache, [1]
    original = getattr(cache, method)

    def fail_once(*args: object, **options: object) -> object:
        if failures.pop() if failures else False:
            raise MemoryError("no more")
        return original(*args, **options)

    monkeypatch.setattr(cache, method, fail_once)
    ranked = make_request(candidates=2)
    engine.add(ranked)
    engine.step()
    assert not failures
    assert [sequence.row for sequence in engine.runner.rows] == [*range(len(engine.runner.rows))]
    assert len(set(engine.runner.rows)) == len(engine.runner.rows)
    finish(engine)
    assert [running.output_ids, ranked.output_ids] == expected


def test_generate_raises_what_the_model_raised_after_the_others_ended(
    model: GPT2LMHeadModel, make_request: MakeRequest
) -> None:
    engine, good = Engine(model), make_request()
    with pytest.raises(IndexError):
        engine.complete([make_request([2, FOREIGN, SEP]), good])
    assert engine.is_idle
    assert good.output_ids


def test_fail_all_ends_running_and_waiting(
    model: GPT2LMHeadModel, make_request: MakeRequest
) -> None:
    engine, error = Engine(model, num_slots=1), RuntimeError("out of memory")
    running, waiting = make_request(), make_request()
    engine.add(running)
    engine.step()
    engine.add(waiting)
    assert engine.fail_all(error) == [running, waiting]
    assert engine.is_idle
    assert engine.runner.rows == []
    assert running.error is waiting.error is error
