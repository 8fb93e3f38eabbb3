import pytest
import torch
from transformers import GPT2LMHeadModel

from chatbot.decoding.cache import Prefix
from chatbot.decoding.model import Decoder
from chatbot.decoding.params import Precision
from chatbot.decoding.reading import last_state, log_probs, read

CLS, SEP = 2, 3
PROMPT = [CLS, 10, 11, 12, SEP]
REPLIES = [[20, 21, 22, SEP], [40], [50, 51], [60, 61, 62, 63, 64, 65, SEP]]


def expected_log_prob(model: GPT2LMHeadModel, prefix: list[int], reply: list[int]) -> float:
    """Log P of a reply behind a prefix, from one plain forward pass."""
    with torch.no_grad():
        table = model(torch.tensor([[*prefix, *reply]])).logits[0].log_softmax(dim=-1)
    places = range(len(prefix) - 1, len(prefix) + len(reply) - 1)
    return sum(float(table[place, ids]) for place, ids in zip(places, reply, strict=True))


@pytest.fixture(scope="module")
def decoder(model: GPT2LMHeadModel) -> Decoder:
    return Decoder(model, "float32")


def test_a_prompts_keys_and_values_are_the_models_own(
    model: GPT2LMHeadModel, decoder: Decoder
) -> None:
    prefix = read(decoder, PROMPT)
    with torch.no_grad():
        theirs = model(torch.tensor([PROMPT]), use_cache=True).past_key_values
    assert prefix.ids == tuple(PROMPT)
    assert prefix.keys.shape == (2, 2, len(PROMPT), 16)
    for layer in range(2):
        own = theirs.layers[layer]
        torch.testing.assert_close(prefix.keys[layer], own.keys[0], rtol=1e-5, atol=1e-5)
        torch.testing.assert_close(prefix.values[layer], own.values[0], rtol=1e-5, atol=1e-5)
    assert not prefix.keys.requires_grad


@pytest.mark.parametrize("prompt", [PROMPT, [CLS], [CLS, *[20] * 62, SEP]])
def test_the_last_state_is_that_of_a_plain_forward_pass(
    model: GPT2LMHeadModel, decoder: Decoder, prompt: list[int]
) -> None:
    found = last_state(decoder, read(decoder, prompt))
    with torch.no_grad():
        expected = model.transformer(torch.tensor([prompt])).last_hidden_state[0, -1]
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-4)
    assert not found.requires_grad


def test_log_probs_are_those_of_a_plain_forward_pass(
    model: GPT2LMHeadModel, decoder: Decoder
) -> None:
    likely = log_probs(decoder, REPLIES, SEP, read(decoder, PROMPT))
    assert likely == pytest.approx(
        [expected_log_prob(model, PROMPT, reply) for reply in REPLIES], abs=1e-4
    )
    alone = log_probs(decoder, REPLIES, CLS, None)
    assert alone == pytest.approx(
        [expected_log_prob(model, [CLS], reply) for reply in REPLIES], abs=1e-4
    )


@pytest.mark.parametrize("precision", ["int8", "bfloat16"])
def test_the_narrow_precisions_are_near(model: GPT2LMHeadModel, precision: Precision) -> None:
    decoder = Decoder(model, precision)
    likely = log_probs(decoder, REPLIES, SEP, read(decoder, PROMPT))
    expected = [expected_log_prob(model, PROMPT, reply) for reply in REPLIES]
    assert likely == pytest.approx(expected, rel=0.05, abs=0.3)
    assert likely != pytest.approx(expected, abs=1e-6)


def test_a_reply_is_worth_the_same_beside_any_others(decoder: Decoder) -> None:
    prompt = read(decoder, PROMPT)
    together = log_probs(decoder, REPLIES, SEP, prompt)
    alone = [log_probs(decoder, [reply], SEP, prompt)[0] for reply in REPLIES]
    assert together == pytest.approx(alone, abs=1e-4)
    assert log_probs(decoder, REPLIES[::-1], SEP, prompt) == pytest.approx(together[::-1], abs=1e-4)


def test_the_prompt_is_left_as_it_was(decoder: Decoder) -> None:
    prompt = read(decoder, PROMPT)
    twin = Prefix(prompt.ids, prompt.keys.clone(), prompt.values.clone())
    log_probs(decoder, REPLIES, SEP, prompt)
    assert torch.equal(prompt.keys, twin.keys)
    assert torch.equal(prompt.values, twin.values)


def test_a_reply_may_fill_the_positions(model: GPT2LMHeadModel, decoder: Decoder) -> None:
    whole = [20 + k % 60 for k in range(64 - len(PROMPT))]
    (found,) = log_probs(decoder, [whole], SEP, read(decoder, PROMPT))
    assert found == pytest.approx(expected_log_prob(model, PROMPT, whole), abs=1e-3)
