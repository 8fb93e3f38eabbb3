from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from transformers import GPT2LMHeadModel

from chatbot.checkpoint import save_checkpoint
from chatbot.decoding.ranking import RankingWeights, Scored
from chatbot.dialogue import DialogueEncoder
from training import sweep
from training.exchanges import Exchange, exchanges_of, held_out_dialogues
from training.memory.generate import Probe
from training.respond import Responder
from training.sweep import Choice, choices, outcome, selected, write_sweep

PLAIN = RankingWeights(sampled=0, likely=1, mmi=0, repeat=0, loop=0, echo=0, recall=0)


@pytest.fixture
def folder(
    tmp_path: Path, make_model: Callable[..., GPT2LMHeadModel], encoder: DialogueEncoder
) -> Path:
    generation = {"max_new_tokens": 6, "temperature": 0.5}
    return save_checkpoint(
        tmp_path / "model", make_model(), encoder.tokenizer, name="小", generation=generation
    )


@pytest.fixture
def exchanges() -> list[Exchange]:
    return [Exchange((), "你好", f"{'好' * (n + 1)}呀", Path("a.txt"), n) for n in range(12)]


def test_selected_is_how_often_the_right_one_is_first() -> None:
    good, bad = (
        Scored((5, 6), log_prob=log_prob, log_prob_alone=-1.0) for log_prob in (-1.0, -9.0)
    )
    found = [Choice([(7,)], [bad, good], right) for right in (1, 1, 1, 0)]
    assert (selected(found, PLAIN).hits, selected(found, PLAIN).total) == (3, 4)


def test_choices_hold_the_reference_and_nine_others(
    folder: Path, exchanges: list[Exchange]
) -> None:
    with Responder(folder) as responder:
        found = list(choices(responder, exchanges, seed=1))
        again = list(choices(responder, exchanges, seed=1))
        assert found == again
        assert len(found) == len(exchanges)
        for choice, item in zip(found, exchanges, strict=True):
            assert len(choice.replies) == 10
            (ids,) = responder.encoder.encode_utterances([item.reference])
            assert choice.replies[choice.right].ids == tuple(ids)
            assert len({reply.ids for reply in choice.replies}) == 10
        assert len({choice.right for choice in found}) > 1  # its place tells nothing


def test_an_outcome_counts_what_was_said(folder: Path, exchanges: list[Exchange]) -> None:
    probes = [Probe(("我叫好好", "好的。", "我叫什么"), ("好",), "name", 2)]
    with Responder(folder) as responder:
        params = replace(responder.params, candidates=2)
        it = outcome(responder, exchanges, probes, params, PLAIN, seed=0)
        assert it == outcome(responder, exchanges, probes, params, PLAIN, seed=0)
        assert responder.params.max_new_tokens == 6
    assert it.recalled.total == 1
    assert it.figures.generic.total == 12
    assert it.figures.identical.total == 1  # equal openers count once
    assert 0 < it.figures.mean_length <= 6 * 4


def test_the_tables_are_written(
    folder: Path, corpus: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sweep, "NUM_DISTRACTORS", 1)
    monkeypatch.setattr(sweep, "SAMPLING", ((1, 0.2, 100.0), (2, 0.5, 100.0), (2, 0.5, 0.2)))
    monkeypatch.setattr(sweep, "read_fillers", lambda _: [])
    probe = Probe(("我叫好好", "好的。", "我叫什么"), ("好",), "name", 2)
    monkeypatch.setattr(sweep, "probes", lambda count, *_: [probe] * count)
    assert len(list(exchanges_of(held_out_dialogues(corpus)))) == 3
    path = write_sweep(folder, corpus, tmp_path / "a" / "sweep.md", size=3, seed=0)
    lines = path.read_text(encoding="utf-8").splitlines()
    assert sum(line.startswith(("| 0.", "| 1.")) for line in lines) == len(sweep.MMI)
    assert [line.split(" | ")[2] for line in lines if line.startswith(("| 1 ", "| 2 "))] == [
        "无",
        "无",
        "0.2",
    ]


def test_the_defaults_are_among_what_is_tried() -> None:
    default = RankingWeights()
    assert default.mmi in sweep.MMI
    assert default.sampled in {worth for candidates, _, worth in sweep.SAMPLING if candidates > 1}
    assert len(set(sweep.SAMPLING)) == len(sweep.SAMPLING)
