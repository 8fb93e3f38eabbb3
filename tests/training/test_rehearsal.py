"""The dry run: figures of the whole run, and nothing left behind."""

from collections.abc import Callable
from pathlib import Path

import pytest

from training.config import TrainConfig
from training.dialogue import rehearse_dialogue
from training.loop import Trainer
from training.rehearsal import rehearse


def test_it_counts_what_a_run_does(trainer: Callable[..., Trainer], tmp_path: Path) -> None:
    found = rehearse(trainer("rehearsed", epochs=4, batch_rows=1))
    assert not (tmp_path / "rehearsed").exists()
    run = trainer("run", epochs=4, batch_rows=1)
    outcome = run.run()
    assert found.num_steps == outcome.num_steps
    assert found.num_tokens == pytest.approx(outcome.num_tokens, rel=0.1)
    assert found.num_weights == sum(w.numel() for w in run.learner.model.parameters())
    assert found.memory > 0
    assert found.seconds > 0


def test_a_corpus_is_rehearsed_and_nothing_written(
    corpus: Path,
    tmp_path: Path,
    gpt2: Path,
    vocab_file: Path,
    quick: Callable[..., TrainConfig],
) -> None:
    before = sorted(tmp_path.rglob("*"))
    found = rehearse_dialogue(corpus, quick(), model_config=gpt2, vocab=vocab_file)
    assert sorted(tmp_path.rglob("*")) == before
    lines = str(found).splitlines()
    assert lines[1].startswith(f"最多 {found.num_steps:,} 步，约 {found.num_tokens:,} 个 token")
    assert "内存约" in lines[2]
    assert lines[3].endswith(" 分钟")
