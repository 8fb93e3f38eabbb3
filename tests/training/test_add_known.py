"""A finished checkpoint is given the known replies of a corpus and their states."""

import dataclasses
import hashlib
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from transformers import GPT2LMHeadModel

from chatbot.checkpoint import Checkpoint, load_checkpoint, save_checkpoint, weights_dtype
from chatbot.dialogue import DialogueEncoder
from chatbot.known import KnownReply
from training import known as module
from training.errors import CorpusError
from training.known import add_known, corpus_replies

Dialogues = Sequence[Sequence[str]]
Floats = NDArray[np.float32]
MakeModel = Callable[..., GPT2LMHeadModel]
GENERATION = {"temperature": 0.5, "candidates": 3}


@pytest.fixture
def folder(tmp_path: Path, make_model: MakeModel, encoder: DialogueEncoder) -> Path:
    """A finished checkpoint with known replies of another corpus and no states."""
    return save_checkpoint(
        tmp_path / "best",
        make_model(),
        encoder.tokenizer,
        name="小",
        generation=GENERATION,
        facts={"steps": 7, "data": {"corpus": "闲聊"}},
        known=[KnownReply("旧的一句", "旧的回答", frozenset())],
    )


def assert_same_model(found: Checkpoint, before: Checkpoint) -> None:
    for key, tensor in before.model.state_dict().items():
        assert torch.equal(found.model.state_dict()[key], tensor), key
    assert found.tokenizer.get_vocab() == before.tokenizer.get_vocab()


def test_a_checkpoint_is_given_replies_and_states_and_keeps_all_else(
    folder: Path, corpus: Path
) -> None:
    before = load_checkpoint(folder)
    assert add_known(folder, corpus) == 13
    found = load_checkpoint(folder)  # verifies every file by the manifest
    assert found.known == tuple(corpus_replies(corpus))
    assert found.states is not None
    assert len(found.states) == 13
    assert found.generation == GENERATION
    facts = {"name": "小", "steps": 7, "data": {"corpus": "闲聊"}}
    assert {key: found.manifest[key] for key in facts} == facts
    assert set(found.manifest) == set(before.manifest)
    assert_same_model(found, before)
    assert weights_dtype(folder) == "F16"
    assert [path.name for path in folder.parent.iterdir() if path.name != "corpus"] == ["best"]


def test_given_again_it_is_the_same(folder: Path, corpus: Path) -> None:
    def digests() -> dict[str, str]:
        return {
            path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in folder.iterdir()
        }

    add_known(folder, corpus)
    once = digests()
    add_known(folder, corpus)
    assert digests() == once


def test_no_more_replies_than_may_be_each_with_its_state(
    folder: Path, corpus: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MAX_KNOWN", 3)  # in the middle of a dialogue's four utterances
    assert add_known(folder, corpus) == 3
    found = load_checkpoint(folder)
    assert found.states is not None
    assert (len(found.known), len(found.states)) == (3, 3)


def test_no_more_is_read_than_what_is_kept(
    folder: Path, corpus: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A corpus of millions has as many known replies as one of a hundred thousand."""
    monkeypatch.setattr(module, "MAX_KNOWN", 3)
    read: list[Dialogues] = []
    corpus_states = module.corpus_states

    def noting(model: GPT2LMHeadModel, encoder: DialogueEncoder, talks: Dialogues) -> Floats:
        read.append(talks)
        return corpus_states(model, encoder, talks)

    monkeypatch.setattr(module, "corpus_states", noting)
    add_known(folder, corpus)
    assert sum(len(texts) // 2 for texts in read[0]) <= 4


def test_a_corpus_without_exchanges_leaves_none(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "alone").mkdir()
    (tmp_path / "alone" / "a.txt").write_text("你好\n傻逼\n\n再见\n你个傻逼\n", "utf-8")
    (tmp_path / "alone" / "held_out").mkdir()
    (tmp_path / "alone" / "held_out" / "a.txt").write_text("早\n早呀\n", "utf-8")
    assert add_known(folder, tmp_path / "alone") == 0
    assert (load_checkpoint(folder).known, load_checkpoint(folder).states) == ((), None)


def test_a_corpus_that_cannot_be_read_leaves_the_folder_whole(folder: Path, tmp_path: Path) -> None:
    before = load_checkpoint(folder)
    with pytest.raises(CorpusError):
        add_known(folder, tmp_path / "none")
    again = load_checkpoint(folder)
    assert dataclasses.replace(again, model=before.model, tokenizer=before.tokenizer) == before
