import copy
from typing import Any

import pytest
import torch
from transformers import GPT2Config, GPT2LMHeadModel

from chatbot.decoding.attention import attend_causally
from chatbot.decoding.model import Decoder
from chatbot.decoding.params import Precision

IDS = [2, 10, 11, 12, 3, 40, 41]


def attend(_layer: int, *parts: torch.Tensor) -> torch.Tensor:
    """One whole prompt, which looks back at itself."""
    return attend_causally(*(part.transpose(0, 1) for part in parts)).transpose(0, 1)


def logits(decoder: Decoder, ids: list[int] = IDS) -> torch.Tensor:
    with torch.inference_mode():
        return decoder.logits(decoder(torch.tensor(ids), torch.arange(len(ids)), attend))


def expected_logits(model: GPT2LMHeadModel, ids: list[int] = IDS) -> torch.Tensor:
    with torch.no_grad():
        logits: torch.Tensor = model(torch.tensor([ids])).logits[0]
    return logits.float()


def make(**options: Any) -> GPT2LMHeadModel:
    shape = {"vocab_size": 97, "n_positions": 64, "n_embd": 32, "n_layer": 3, "n_head": 2}
    with torch.random.fork_rng():
        torch.manual_seed(1)
        return GPT2LMHeadModel(GPT2Config(**shape, initializer_range=0.3, **options)).eval()


def test_float32_gives_the_models_own_logits(model: GPT2LMHeadModel) -> None:
    found = logits(Decoder(model, "float32"))
    assert found.dtype == torch.float32
    torch.testing.assert_close(found, expected_logits(model), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(
    "options",
    [
        {"scale_attn_weights": False},
        {"scale_attn_by_inverse_layer_idx": True},
        {"n_inner": 48},
        {"tie_word_embeddings": False},
        {"layer_norm_epsilon": 0.1},
        {"activation_function": "relu"},
        {"activation_function": "gelu"},
        {"activation_function": "gelu_pytorch_tanh"},
    ],
    ids=lambda options: "=".join(map(str, next(iter(options.items())))),
)
def test_every_option_of_a_config_is_heeded(options: dict[str, Any]) -> None:
    model = make(**options)
    found = logits(Decoder(model, "float32"))
    torch.testing.assert_close(found, expected_logits(model), rtol=1e-4, atol=1e-4)
    assert not torch.allclose(found, expected_logits(make()), rtol=1e-2, atol=1e-2) or (
        "gelu" in str(options)
    )


@pytest.mark.parametrize(("precision", "error"), [("int8", 0.05), ("bfloat16", 0.03)])
def test_the_narrow_precisions_are_near(
    model: GPT2LMHeadModel, precision: Precision, error: float
) -> None:
    found, expected = logits(Decoder(model, precision)), expected_logits(model)
    assert 0 < (found - expected).norm() / expected.norm() < error


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_a_model_of_another_type_is_read_as_it_is(
    model: GPT2LMHeadModel, dtype: torch.dtype
) -> None:
    narrow = copy.deepcopy(model).to(dtype)
    found = logits(Decoder(narrow, "float32"))
    torch.testing.assert_close(found, expected_logits(narrow.float()), rtol=1e-4, atol=1e-4)


def test_the_model_is_left_as_it_was(model: GPT2LMHeadModel) -> None:
    twin = copy.deepcopy(model)
    for precision in ("int8", "bfloat16", "float32"):
        logits(Decoder(twin, precision))
    assert all(map(torch.equal, twin.state_dict().values(), model.state_dict().values()))
    assert all(parameter.requires_grad for parameter in twin.parameters())
