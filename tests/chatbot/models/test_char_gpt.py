"""The model from scratch, against GPT-2 and against what a language model must not do."""

import dataclasses

import pytest
import torch
from transformers import GPT2Config, GPT2LMHeadModel

from chatbot.models.char_gpt import CharGPT, CharGPTConfig, from_gpt2

SHAPE = CharGPTConfig(vocab_size=50, window=16, num_layers=3, num_heads=4, hidden_size=32)


@pytest.fixture
def model() -> CharGPT:
    """A small model with random weights, in eval mode."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return CharGPT(SHAPE).eval()


def random_ids(num_rows: int, length: int) -> torch.Tensor:
    generator = torch.Generator().manual_seed(0)
    return torch.randint(0, SHAPE.vocab_size, (num_rows, length), generator=generator)


@pytest.mark.parametrize("length", [1, 7, 16])
def test_logits_agree_with_gpt2_of_the_same_weights(length: int) -> None:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        config = GPT2Config(
            vocab_size=50,
            n_positions=16,
            n_layer=3,
            n_head=4,
            n_embd=32,
            initializer_range=0.3,
            bos_token_id=0,
            eos_token_id=0,
        )
        gpt2 = GPT2LMHeadModel(config).eval()
        for parameter in gpt2.parameters():  # biases and norms too, which begin as 0 and 1
            parameter.data += 0.1 * torch.randn_like(parameter)
    ours = from_gpt2(gpt2).eval()
    assert ours.config == SHAPE
    ids = random_ids(3, length)
    with torch.no_grad():
        expected = gpt2(ids).logits
        assert expected.std() > 0.5
        torch.testing.assert_close(ours(ids), expected, atol=1e-5, rtol=0)


def test_the_weights_are_as_many_as_gpt2s(model: CharGPT) -> None:
    config = GPT2Config(vocab_size=50, n_positions=16, n_layer=3, n_head=4, n_embd=32)
    gpt2 = GPT2LMHeadModel(config)
    assert count(model) == count(gpt2)


def count(model: torch.nn.Module) -> int:
    return sum(parameter.numel() for parameter in model.parameters())


def test_no_character_sees_those_after_it(model: CharGPT) -> None:
    ids = random_ids(2, 16)
    changed = ids.clone()
    changed[:, 9:] = (changed[:, 9:] + 1) % SHAPE.vocab_size
    with torch.no_grad():
        before, after = model(ids), model(changed)
    torch.testing.assert_close(before[:, :9], after[:, :9])
    assert not torch.allclose(before[:, 9:], after[:, 9:])


def test_every_character_sees_all_before_it(model: CharGPT) -> None:
    ids = random_ids(1, 16)
    with torch.no_grad():
        last = model(ids)[0, -1]
        for place in range(15):
            changed = ids.clone()
            changed[0, place] = (changed[0, place] + 1) % SHAPE.vocab_size
            assert not torch.allclose(model(changed)[0, -1], last, atol=1e-6)


def test_a_fresh_model_knows_nothing(model: CharGPT) -> None:
    with torch.no_grad():
        probabilities = model(random_ids(4, 16)).softmax(dim=-1)
    assert probabilities.max() < 3 / SHAPE.vocab_size


def test_it_learns_a_text_by_heart(model: CharGPT) -> None:
    ids = random_ids(2, 16)
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-2)
    for _ in range(60):
        logits = model(ids[:, :-1]).flatten(0, 1)
        loss = torch.nn.functional.cross_entropy(logits, ids[:, 1:].flatten())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert loss < 0.3


def test_dropout_drops_in_training_only() -> None:
    model = CharGPT(dataclasses.replace(SHAPE, dropout=0.5))
    ids = random_ids(1, 8)
    with torch.no_grad():
        assert not torch.equal(model(ids), model(ids))
        model.eval()
        assert torch.equal(model(ids), model(ids))


@pytest.mark.parametrize(
    "changes",
    [{"vocab_size": 0}, {"window": 0}, {"num_layers": 0}, {"num_heads": 0}, {"num_heads": 5}],
)
def test_sizes_that_make_no_model_are_refused(changes: dict[str, int]) -> None:
    with pytest.raises(ValueError, match="no model"):
        dataclasses.replace(SHAPE, **changes)
