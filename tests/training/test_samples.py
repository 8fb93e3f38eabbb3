"""Sample replies: the fixed openers, the same each time, and whatever room there is."""

from collections.abc import Callable

import torch
from transformers import GPT2LMHeadModel

from chatbot.dialogue import DialogueEncoder
from training.samples import GENERATION, OPENERS, sample_replies

MakeModel = Callable[..., GPT2LMHeadModel]


def test_every_opener_gets_a_reply_the_same_each_time(
    make_model: MakeModel, encoder: DialogueEncoder
) -> None:
    model = make_model().train()
    torch.manual_seed(1)
    before = torch.get_rng_state()
    first = sample_replies(model, encoder, GENERATION)
    assert torch.equal(torch.get_rng_state(), before), "a resumed run must see the same numbers"
    assert [opener for opener, _ in first] == list(OPENERS)
    assert all(reply and "[" not in reply for _, reply in first)
    assert all(len(encoder.encode_utterances([reply])[0]) <= 40 for _, reply in first)
    torch.manual_seed(2)
    assert sample_replies(model, encoder, GENERATION) == first


def test_the_checkpoint_s_own_parameters_are_used(
    make_model: MakeModel, encoder: DialogueEncoder
) -> None:
    model = make_model()
    greedy = sample_replies(model, encoder, {"temperature": 0})
    assert greedy == sample_replies(model, encoder, {"temperature": 0, "top_k": 5})
    assert greedy != sample_replies(model, encoder, {"temperature": 2, "top_p": 1})


def test_a_small_model_is_shown_what_it_has_room_for(
    make_model: MakeModel, encoder: DialogueEncoder
) -> None:
    shown = sample_replies(make_model(n_positions=8), encoder, GENERATION)
    fitting = [opener for opener in OPENERS if len(encoder.encode([opener])) < 8]
    assert [opener for opener, _ in shown] == fitting
    assert 0 < len(fitting) < len(OPENERS)
