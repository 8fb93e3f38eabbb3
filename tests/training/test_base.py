"""The whole recipe: stage after stage, each once, and on from where it was stopped."""

import json
import lzma
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from chatbot.checkpoint import load_checkpoint
from chatbot.dialogue import DialogueEncoder
from training import base
from training.base import prepare_sources, train_base
from training.collate import Batch
from training.config import TrainConfig
from training.errors import ConfigError, CorpusError
from training.known import corpus_replies
from training.learner import Learner
from training.recipe import PROVIDED, Recipe, Source, Stage
from training.store import TokenStore

MODEL = {"n_positions": 32, "n_embd": 16, "n_layer": 1, "n_head": 2}


@pytest.fixture
def recipe(quick: Callable[..., TrainConfig]) -> Recipe:
    """Two stages over dialogues, prose and the provided corpus."""
    sources = {
        "chat": Source(file="chat.txt", drop_self_harm=True, leave_last=1),
        "prose": Source(file="prose.txt.xz", prose=True),
    }
    stages = (
        Stage("one", {"chat": 2, "prose": 1.0}, quick(epochs=1, batch_rows=1)),
        Stage("two", {PROVIDED: 1, "chat": 0.5}, quick(epochs=2, save_every=1, dropout=0.1)),
    )
    return Recipe("小", MODEL, sources, stages)


@pytest.fixture
def corpora(
    tmp_path: Path, corpus: Path, vocab_file: Path, monkeypatch: pytest.MonkeyPatch
) -> Path:
    """The recipe's public corpora; the provided one and the vocabulary are the tests' own."""
    monkeypatch.setattr(base, "PROVIDED_CORPUS", corpus)
    monkeypatch.setattr(base, "SHIPPED_VOCAB", vocab_file)
    monkeypatch.setattr("training.journal.draw_curves", lambda *_: None)
    folder = tmp_path / "corpora"
    folder.mkdir()
    chat = ["你好\n好", "不想活\n好", "吃了吗\n吃了", "天气好\n真好"]
    (folder / "chat.txt").write_text("\n\n".join(chat), "utf-8")
    (folder / "prose.txt.xz").write_bytes(lzma.compress("今天天气真好\n\n我很好\n".encode()))
    return folder


def test_a_generated_corpus_is_made_from_the_provided_one(
    recipe: Recipe,
    corpora: Path,
    encoder: DialogueEncoder,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    made = [("我叫小林", "小林，你好。"), ("我养了猫", "猫叫什么？")]
    monkeypatch.setattr(base, "read_fillers", lambda corpus: [corpus])
    monkeypatch.setattr(base, "generate", lambda count, *_: iter(made[:count]))
    sources = {"memory": Source(generated=2)}
    prepare_sources(
        Recipe("小", MODEL, sources, recipe.stages), corpora, tmp_path / "stores", encoder
    )
    assert len(TokenStore(tmp_path / "stores" / "memory", encoder)) == 2


def texts(folder: Path, encoder: DialogueEncoder) -> list[str]:
    store = TokenStore(folder, encoder)
    return [encoder.decode(store[index].tolist()) for index in range(len(store))]


def weights(folder: Path) -> dict[str, torch.Tensor]:
    return load_checkpoint(folder).model.state_dict()


def losses(folder: Path) -> list[float]:
    lines = (folder / "history.jsonl").read_text("utf-8").splitlines()
    return [record["valid_loss"] for record in map(json.loads, lines) if "valid_loss" in record]


def test_each_stage_starts_from_the_one_before(
    recipe: Recipe, corpora: Path, tmp_path: Path
) -> None:
    folder = train_base(recipe, corpora, tmp_path / "base")
    assert folder == tmp_path / "base" / "two" / "best"
    loaded = load_checkpoint(folder)
    assert loaded.manifest["name"] == "小"
    assert {key: getattr(loaded.model.config, key) for key in MODEL} == MODEL
    one, two = (losses(tmp_path / "base" / name) for name in ("one", "two"))
    assert two[0] == pytest.approx(min(one), abs=2e-3), "float16 rounds between the stages"
    assert two[-1] < one[0]


def test_the_finished_one_knows_the_provided_corpus_and_its_states(
    recipe: Recipe, corpora: Path, tmp_path: Path
) -> None:
    loaded = load_checkpoint(train_base(recipe, corpora, tmp_path / "base"))
    assert loaded.known == tuple(corpus_replies(base.PROVIDED_CORPUS))
    assert loaded.states is not None
    assert len(loaded.states) == len(loaded.known) == 13


def test_the_stores_hold_what_the_recipe_says(
    recipe: Recipe, corpora: Path, tmp_path: Path, encoder: DialogueEncoder
) -> None:
    out = tmp_path / "stores"
    prepare_sources(recipe, corpora, out, encoder)
    assert texts(out / "chat", encoder) == ["你好好", "吃了吗吃了"], "one drops, the last is left"
    assert texts(out / "prose", encoder) == ["今天天气真好", "我很好"]
    assert len(texts(out / PROVIDED / "train", encoder)) == 8
    assert len(texts(out / PROVIDED / "valid", encoder)) == 2


def test_stores_are_made_once_but_half_made_ones_again(
    recipe: Recipe, corpora: Path, tmp_path: Path, encoder: DialogueEncoder
) -> None:
    out = tmp_path / "stores"
    prepare_sources(recipe, corpora, out, encoder)
    times = {path: path.stat().st_mtime_ns for path in out.rglob("tokens.bin")}
    prepare_sources(recipe, corpora, out, encoder)
    assert {path: path.stat().st_mtime_ns for path in out.rglob("tokens.bin")} == times
    valid = out / PROVIDED / "valid"
    valid.rename(tmp_path / "gone")
    prepare_sources(recipe, corpora, out, encoder)
    assert len(texts(valid, encoder)) == 2


def test_missing_corpora_are_named_before_anything_is_done(
    recipe: Recipe, corpora: Path, tmp_path: Path
) -> None:
    (corpora / "chat.txt").unlink()
    with pytest.raises(CorpusError, match=r"corpora: 缺少 chat\.txt；用 CORPORA="):
        train_base(recipe, corpora, tmp_path / "base")
    assert not (tmp_path / "base").exists()


def test_a_model_with_an_unknown_key_is_refused(
    recipe: Recipe, corpora: Path, tmp_path: Path
) -> None:
    recipe.model["n_embed"] = 3
    try:
        with pytest.raises(ConfigError, match="GPT2Config 没有 n_embed；"):
            train_base(recipe, corpora, tmp_path / "base")
    finally:
        del recipe.model["n_embed"]


class Stopped(BaseException):
    """As a pressed Ctrl+C."""


def test_a_stopped_recipe_goes_on_and_ends_the_same(
    recipe: Recipe, corpora: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Stopped before the first save of each stage, and after a save in the second."""
    configs = [stage.train for stage in recipe.stages]
    done: list[tuple[int, int]] = []
    stops: list[tuple[int, int]] = []
    update = Learner.update

    def counting(
        self: Learner, batches: list[Batch], step: int, num_steps: int
    ) -> tuple[float, float]:
        place = (configs.index(self.config), step)
        if stops and place == stops[0]:
            del stops[0]
            raise Stopped
        done.append(place)
        return update(self, batches, step, num_steps)

    monkeypatch.setattr(Learner, "update", counting)
    expected = weights(train_base(recipe, corpora, tmp_path / "whole"))
    whole, done = done, []
    stops = [(0, 1), (1, 0), (1, 2)]
    while stops:
        with pytest.raises(Stopped):
            train_base(recipe, corpora, tmp_path / "stopped")
    found = weights(train_base(recipe, corpora, tmp_path / "stopped"))
    assert all(torch.equal(found[key], expected[key]) for key in expected)
    assert done == [(0, 0), *whole], "only what was not saved is done again"


def test_a_finished_stage_is_not_entered_again(
    recipe: Recipe, corpora: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = train_base(recipe, corpora, tmp_path / "base")
    monkeypatch.setattr(base, "_run_stage", None)
    assert train_base(recipe, corpora, tmp_path / "base") == folder
