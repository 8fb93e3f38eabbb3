"""``train_dialogue``: from a config, from a checkpoint, from a folder of the hub's; bad starts."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from transformers import GPT2Config, GPT2LMHeadModel

from chatbot.checkpoint import load_checkpoint, save_checkpoint
from chatbot.dialogue import DialogueEncoder
from training.config import TrainConfig
from training.dialogue import print_outcome, train_dialogue
from training.errors import ConfigError, StoreError
from training.known import corpus_replies
from training.loop import Outcome
from training.samples import GENERATION
from vocab.wordpiece import SHIPPED_VOCAB, SPECIAL_TOKENS, read_vocab

Quick = Callable[..., TrainConfig]
SHAPE = {"model_type": "gpt2", "n_positions": 64, "n_embd": 16, "n_layer": 1, "n_head": 2}


@pytest.fixture(autouse=True)
def _no_curves(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("training.journal.draw_curves", lambda *_: None)


def test_from_a_config_with_a_vocabulary_of_one_s_own(
    corpus: Path,
    tmp_path: Path,
    gpt2: Path,
    vocab_file: Path,
    quick: Quick,
    capsys: pytest.CaptureFixture[str],
) -> None:
    out = tmp_path / "mine"
    outcome = train_dialogue(corpus, out, quick(), model_config=gpt2, vocab=vocab_file)
    assert outcome.best_loss < outcome.first_loss
    best = load_checkpoint(out / "best")
    assert len(best.tokenizer) == len(read_vocab(vocab_file)) == best.model.config.vocab_size
    assert (best.manifest["name"], best.generation) == ("mine", GENERATION)
    assert best.model.config.n_embd == 16
    told = capsys.readouterr().out
    assert "训练" in told
    assert "留出集困惑度" in told
    assert f"make serve CHECKPOINT={out / 'best'}" in told


def test_from_a_config_with_the_shipped_vocabulary(
    corpus: Path, tmp_path: Path, gpt2: Path, quick: Quick
) -> None:
    train_dialogue(corpus, tmp_path / "out", quick(epochs=1), model_config=gpt2)
    loaded = load_checkpoint(tmp_path / "out" / "last")
    assert len(loaded.tokenizer) == len(read_vocab(SHIPPED_VOCAB))


def test_the_same_seed_trains_the_same_model(
    corpus: Path, tmp_path: Path, gpt2: Path, vocab_file: Path, quick: Quick
) -> None:
    states = []
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        config = quick(epochs=1, seed=seed, dropout=0.1)
        train_dialogue(corpus, tmp_path / name, config, model_config=gpt2, vocab=vocab_file)
        loaded = load_checkpoint(tmp_path / name / "last")
        states.append(loaded.model.state_dict()["transformer.wte.weight"])
    assert torch.equal(states[0], states[1])
    assert not torch.equal(states[0], states[2])


def test_from_a_checkpoint(
    corpus: Path,
    tmp_path: Path,
    encoder: DialogueEncoder,
    make_model: Callable[..., GPT2LMHeadModel],
    quick: Quick,
) -> None:
    start = save_checkpoint(
        tmp_path / "start", make_model(), encoder.tokenizer, name="小", generation={"top_k": 5}
    )
    config = quick(epochs=4)
    outcome = train_dialogue(corpus, tmp_path / "out", config, init=str(start))
    assert outcome.best_loss < outcome.first_loss
    loaded = load_checkpoint(tmp_path / "out" / "best")
    assert (loaded.manifest["name"], loaded.generation) == ("小", {"top_k": 5})
    again = train_dialogue(corpus, tmp_path / "more", config, init=str(tmp_path / "out" / "best"))
    assert again.first_loss == pytest.approx(outcome.best_loss, abs=0.01)


def test_the_best_is_given_the_corpus_exchanges_and_its_own_states_of_them(
    corpus: Path, tmp_path: Path, gpt2: Path, vocab_file: Path, quick: Quick
) -> None:
    options: dict[str, Any] = {"model_config": gpt2, "vocab": vocab_file}
    out = tmp_path / "out"
    train_dialogue(corpus, out, quick(epochs=1), **options)
    first = load_checkpoint(out / "best")
    assert first.known == tuple(corpus_replies(corpus))
    assert first.states is not None
    assert len(first.states) == len(first.known) == 13
    train_dialogue(corpus, out, quick(epochs=3), **options, resume=True)
    more = load_checkpoint(out / "best")
    assert (more.known, more.manifest["name"]) == (first.known, "out")
    assert more.states is not None
    assert not np.array_equal(more.states.axes, first.states.axes)  # of the new model


def test_from_the_shipped_form(
    corpus: Path, tmp_path: Path, tiny_checkpoint: Path, quick: Quick
) -> None:
    outcome = train_dialogue(corpus, tmp_path / "out", quick(), init=str(tiny_checkpoint))
    assert outcome.best_loss < outcome.first_loss


def test_from_a_hub_folder_with_its_own_vocabulary(
    corpus: Path, tmp_path: Path, encoder: DialogueEncoder, quick: Quick
) -> None:
    """As ``save_pretrained`` leaves a model whose table is in another order."""
    characters = sorted(set(encoder.tokenizer.get_vocab()) - set(SPECIAL_TOKENS), reverse=True)
    tokens = ["[PAD]", *characters[:5], *SPECIAL_TOKENS[1:], *characters[5:]]
    folder = tmp_path / "hub"
    config = GPT2Config(
        vocab_size=len(tokens), **{k: v for k, v in SHAPE.items() if k != "model_type"}
    )
    GPT2LMHeadModel(config).save_pretrained(folder)
    (folder / "vocab.txt").write_text("\n".join(tokens), "utf-8")
    outcome = train_dialogue(corpus, tmp_path / "out", quick(epochs=4), init=str(folder))
    assert outcome.best_loss < outcome.first_loss
    loaded = load_checkpoint(tmp_path / "out" / "best")
    assert loaded.tokenizer.get_vocab() == {token: place for place, token in enumerate(tokens)}
    assert loaded.model.config.eos_token_id == tokens.index("[SEP]")
    assert loaded.manifest["name"] == "hub"


def test_a_stopped_run_goes_on(
    corpus: Path, tmp_path: Path, gpt2: Path, vocab_file: Path, quick: Quick
) -> None:
    options: dict[str, Any] = {"model_config": gpt2, "vocab": vocab_file}
    out = tmp_path / "out"
    first = train_dialogue(corpus, out, quick(epochs=1), **options)
    more = train_dialogue(corpus, out, quick(epochs=3), **options, resume=True)
    assert more.num_steps == 3 * first.num_steps
    assert more.first_loss == first.first_loss
    assert more.best_loss < first.best_loss
    with pytest.raises(ConfigError, match="没有可以接着训练的存盘；去掉 RESUME=1"):
        train_dialogue(corpus, tmp_path / "other", quick(), **options, resume=True)
    with pytest.raises(StoreError, match="另一份词表"):
        train_dialogue(corpus, out, quick(), model_config=gpt2, resume=True)


def test_an_outcome_without_progress_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    print_outcome(Outcome(2.0, 2.0, 0, 9, 12345, 90.0), Path("runs/x"))
    told = capsys.readouterr().out
    assert "用时 1.5 分钟，12,345 个 token" in told
    assert "留出集困惑度 7.39 → 7.39（第 0 步最好）" in told
    assert "没有比开始时更好" in told
