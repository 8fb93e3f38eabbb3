"""States of a corpus' exchanges: those of plain forward passes, whatever is read together."""

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from transformers import GPT2LMHeadModel

from chatbot.checkpoint import load_checkpoint, save_checkpoint
from chatbot.dialogue import DialogueEncoder
from training import known as module
from training.device import pick_device, pick_dtype
from training.known import add_known, corpus_states

Dialogues = Sequence[Sequence[str]]
Floats = NDArray[np.float32]
MakeModel = Callable[..., GPT2LMHeadModel]


@pytest.fixture
def in_float32(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "pick_dtype", lambda *_: torch.float32)


def plain_state(model: GPT2LMHeadModel, encoder: DialogueEncoder, said: Sequence[str]) -> Floats:
    """The last layer's output behind what was said, from a forward pass of its own."""
    ids = torch.tensor([encoder.encode(said)])
    with torch.no_grad():
        hidden: torch.Tensor = model.eval().transformer(ids).last_hidden_state
    state: Floats = hidden[0, -1].numpy()
    return state


def one_by_one(model: GPT2LMHeadModel, encoder: DialogueEncoder, dialogues: Dialogues) -> Floats:
    """The state at the end of every utterance that is answered, the whole talk before it read."""
    return np.stack(
        [
            plain_state(model, encoder, texts[:stop])
            for texts in dialogues
            for stop in range(1, len(texts), 2)
        ]
    )


@pytest.mark.usefixtures("in_float32")
@pytest.mark.parametrize("tokens", [1, 40, 8192])
def test_states_are_those_of_plain_forward_passes(
    make_model: MakeModel,
    encoder: DialogueEncoder,
    dialogues: Dialogues,
    monkeypatch: pytest.MonkeyPatch,
    tokens: int,
) -> None:
    """However many are read at once."""
    monkeypatch.setattr(module, "_TOKENS", tokens)
    model, unanswered = make_model(), ("你好", "你好呀！", "晚安")
    talks = [*dialogues, unanswered, ("你好",)]
    found = corpus_states(model, encoder, talks)
    expected = one_by_one(model, encoder, talks)
    assert len(found) == sum(len(texts) // 2 for texts in talks) == 14
    np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-4)


def test_in_the_device_s_own_precision_they_are_near(
    make_model: MakeModel, encoder: DialogueEncoder, dialogues: Dialogues
) -> None:
    model = make_model()
    found = corpus_states(model, encoder, dialogues)
    expected = one_by_one(model, encoder, dialogues)
    is_exact = pick_dtype("auto", pick_device()) == torch.float32
    lengths = np.linalg.norm(found, axis=1) * np.linalg.norm(expected, axis=1)
    cosines = (found * expected).sum(axis=1) / lengths
    assert found.dtype == np.float32
    assert cosines.min() > (0.9999 if is_exact else 0.99)


def test_the_model_is_left_as_it_was(
    make_model: MakeModel, encoder: DialogueEncoder, dialogues: Dialogues
) -> None:
    """Its dropout is off while it reads, and stays on where it was."""
    model = make_model(resid_pdrop=0.9).train()
    before = {key: tensor.clone() for key, tensor in model.state_dict().items()}
    first = corpus_states(model, encoder, dialogues)
    np.testing.assert_array_equal(first, corpus_states(model, encoder, dialogues))
    assert model.training
    for key, tensor in model.state_dict().items():
        assert tensor.dtype == torch.float32
        assert torch.equal(tensor, before[key])


@pytest.mark.usefixtures("in_float32")
def test_a_long_dialogue_is_read_in_windows(
    make_model: MakeModel, encoder: DialogueEncoder
) -> None:
    model = make_model(n_positions=16)  # two turns of three and two fit, and no third
    turns = [("你好呀", "晚安"), ("吃了吗", "真好"), ("今天好", "好呀"), ("天气好", "睡吧")]
    talk = [text for turn in turns for text in turn]
    found = corpus_states(model, encoder, [talk, ("你好", "你好呀！")])
    expected = one_by_one(model, encoder, [talk[:4], talk[4:], ("你好", "你好呀！")])
    np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-4)


@pytest.mark.usefixtures("in_float32")
def test_a_turn_too_long_by_itself_has_a_state_of_zeros(
    make_model: MakeModel, encoder: DialogueEncoder
) -> None:
    model = make_model(n_positions=16)
    talk = ("你好", "晚安", "好" * 20, "睡吧", "吃了吗", "真好")
    found = corpus_states(model, encoder, [talk, ("好" * 20, "好"), ("天气真好", "好呀")])
    assert found[[1, 3]].any() == np.False_
    parts = [talk[:2], talk[4:], ("天气真好", "好呀")]
    expected = one_by_one(model, encoder, parts)
    np.testing.assert_allclose(found[[0, 2, 4]], expected, rtol=1e-3, atol=1e-4)


def test_without_dialogues_there_are_no_states(
    make_model: MakeModel, encoder: DialogueEncoder
) -> None:
    assert corpus_states(make_model(), encoder, []).shape == (0, 16)


@pytest.mark.usefixtures("in_float32")
def test_a_checkpoint_is_given_those_of_its_own_model_in_the_order_of_its_replies(
    tmp_path: Path,
    corpus: Path,
    make_model: MakeModel,
    encoder: DialogueEncoder,
    dialogues: Dialogues,
) -> None:
    folder = save_checkpoint(tmp_path / "best", make_model(), encoder.tokenizer, name="小")
    add_known(folder, corpus)
    found = load_checkpoint(folder)
    assert found.states is not None
    expected = one_by_one(found.model, encoder, dialogues)
    answered = [texts[stop] for texts in dialogues for stop in range(1, len(texts), 2)]
    assert [item.reply for item in found.known] == answered
    for place, state in enumerate(expected):
        likeness = found.states.likeness(state)
        assert likeness[place] == pytest.approx(1.0, abs=0.02)
        assert likeness[place] >= likeness.max() - 0.02
