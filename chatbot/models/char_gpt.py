"""GPT-2 from scratch: a text goes in as ids, a guess of each next character comes out.

Radford et al. 2019, "Language Models are Unsupervised Multitask Learners"; the weights of a
``GPT2LMHeadModel`` of the same shape give the same logits (``from_gpt2``). Read from ``CharGPT``
at the end upwards, or from here down. Shapes: B texts, T characters each, D numbers to describe
a character in its place, H heads of D / H numbers, V characters to choose from.
"""

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn
from torch.nn.functional import gelu, linear

if TYPE_CHECKING:
    from transformers import GPT2LMHeadModel


@dataclass(frozen=True, kw_only=True)
class CharGPTConfig:
    """The shape of a model.

    Attributes:
        vocab_size: V, the number of different characters.
        window: the longest T, how far back the model sees.
        num_layers: blocks, one after the other.
        num_heads: H, patterns of attention that a block looks for side by side.
        hidden_size: D.
        dropout: share of the numbers that are set to zero, in training only.

    Raises:
        ValueError: a size below 1, or heads that do not divide ``hidden_size``.
    """

    vocab_size: int
    window: int = 128
    num_layers: int = 4
    num_heads: int = 4
    hidden_size: int = 256
    dropout: float = 0.0

    def __post_init__(self) -> None:
        sizes = (self.vocab_size, self.window, self.num_layers, self.num_heads, self.hidden_size)
        if min(sizes) < 1 or self.hidden_size % self.num_heads:
            raise ValueError(f"no model has these sizes: {self}")


class Attention(nn.Module):
    """Each character collects from itself and those before it what helps to guess the next."""

    future: Tensor

    def __init__(self, config: CharGPTConfig) -> None:
        super().__init__()
        self.num_heads = config.num_heads
        self.query_key_value = nn.Linear(config.hidden_size, 3 * config.hidden_size)
        self.output = nn.Linear(config.hidden_size, config.hidden_size)
        ones = torch.ones(config.window, config.window, dtype=torch.bool)
        self.register_buffer("future", ones.triu(diagonal=1), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, T, D) to (B, T, D)."""
        B, T, D = x.shape
        H = self.num_heads
        x = self.query_key_value(x)  # (B, T, 3D)
        query, key, value = x.view(B, T, 3, H, D // H).permute(2, 0, 3, 1, 4)  # (B, H, T, D/H) each
        # How much does character t want from character s? Nothing, if s comes after t.
        scores = query @ key.transpose(2, 3) / math.sqrt(D // H)  # (B, H, T, T)
        weights = scores.masked_fill(self.future[:T, :T], -torch.inf).softmax(dim=3)
        collected = (weights @ value).transpose(1, 2).reshape(B, T, D)  # the heads side by side
        output: Tensor = self.output(collected)
        return output


class MLP(nn.Module):
    """What each character makes of what it has collected, on its own."""

    def __init__(self, config: CharGPTConfig) -> None:
        super().__init__()
        self.input = nn.Linear(config.hidden_size, 4 * config.hidden_size)
        self.output = nn.Linear(4 * config.hidden_size, config.hidden_size)

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, T, D) to (B, T, D)."""
        hidden = gelu(self.input(x), approximate="tanh")  # (B, T, 4D); gelu_new, GPT-2's
        output: Tensor = self.output(hidden)
        return output


class Block(nn.Module):
    """Attention, then the MLP; each adds to the stream what it finds in the normed stream."""

    def __init__(self, config: CharGPTConfig) -> None:
        super().__init__()
        self.attention_norm = nn.LayerNorm(config.hidden_size)
        self.attention = Attention(config)
        self.mlp_norm = nn.LayerNorm(config.hidden_size)
        self.mlp = MLP(config)
        self.dropout = nn.Dropout(config.dropout)

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, T, D) to (B, T, D)."""
        collected: Tensor = self.dropout(self.attention(self.attention_norm(x)))
        x = x + collected
        made: Tensor = self.dropout(self.mlp(self.mlp_norm(x)))
        return x + made


class CharGPT(nn.Module):
    """The whole model."""

    def __init__(self, config: CharGPTConfig) -> None:
        super().__init__()
        self.config = config
        self.token_embedding = nn.Embedding(config.vocab_size, config.hidden_size)
        self.position_embedding = nn.Embedding(config.window, config.hidden_size)
        self.dropout = nn.Dropout(config.dropout)
        self.blocks = nn.ModuleList(Block(config) for _ in range(config.num_layers))
        self.norm = nn.LayerNorm(config.hidden_size)
        self._initialise()

    def forward(self, ids: Tensor) -> Tensor:
        """Return the logits of each next character, (B, T, V), for ids (B, T), T <= window."""
        positions = torch.arange(ids.shape[1], device=ids.device)  # (T,)
        x = self.token_embedding(ids) + self.position_embedding(positions)  # (B, T, D)
        x = self.dropout(x)
        for block in self.blocks:
            x = block(x)
        x = self.norm(x)
        # A character's own embedding also says how likely it comes next (Press and Wolf 2017).
        return linear(x, self.token_embedding.weight)  # (B, T, V)

    def _initialise(self) -> None:
        """Small random weights, smaller where a block adds to the stream, as GPT-2 does."""
        for name, parameter in self.named_parameters():
            if name.endswith("bias"):
                nn.init.zeros_(parameter)
            elif parameter.ndim == 2:
                adds = name.endswith("output.weight")
                std = 0.02 / math.sqrt(2 * self.config.num_layers) if adds else 0.02
                nn.init.normal_(parameter, std=std)


_GPT2_NAMES = {
    "token_embedding": "wte",
    "position_embedding": "wpe",
    "attention_norm": "ln_1",
    "attention.query_key_value": "attn.c_attn",
    "attention.output": "attn.c_proj",
    "mlp_norm": "ln_2",
    "mlp.input": "mlp.c_fc",
    "mlp.output": "mlp.c_proj",
    "norm": "ln_f",
}


def from_gpt2(gpt2: "GPT2LMHeadModel") -> CharGPT:
    """Return a ``CharGPT`` with the weights of a GPT-2 (``gelu_new``, tied embeddings).

    Its linear layers are ``Conv1D``, whose weights are (in, out); ours are (out, in).
    """
    shape = gpt2.config
    config = CharGPTConfig(
        vocab_size=shape.vocab_size,
        window=shape.n_positions,
        num_layers=shape.n_layer,
        num_heads=shape.n_head,
        hidden_size=shape.n_embd,
    )
    model = CharGPT(config)
    theirs = gpt2.transformer.state_dict()
    ours = {}
    for name, parameter in model.named_parameters():
        tensor = theirs[_gpt2_name(name)]
        is_linear = parameter.ndim == 2 and "embedding" not in name
        ours[name] = tensor.T if is_linear else tensor
    model.load_state_dict(ours)
    return model


def _gpt2_name(name: str) -> str:
    """Return GPT-2's name of a parameter: ``blocks.0.mlp.input.bias`` -> ``h.0.mlp.c_fc.bias``."""
    module, _, kind = name.rpartition(".")
    if module.startswith("blocks."):
        _, layer, part = module.split(".", 2)
        return f"h.{layer}.{_GPT2_NAMES[part]}.{kind}"
    return f"{_GPT2_NAMES[module]}.{kind}"
