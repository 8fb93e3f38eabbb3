"""GPT-2 (Radford et al. 2019) as decoding needs it: any number of tokens of any rows at once.

Everything but attention works on a flat list of tokens, ``(N, D)``, whoever they belong to; which
token may look at which is the caller's to say. Residuals and norms are float32 in every precision.
"""

from collections.abc import Callable
from functools import partial

import torch
from torch import Tensor
from torch.nn.functional import gelu, layer_norm
from transformers import GPT2Config, GPT2LMHeadModel
from transformers.models.gpt2.modeling_gpt2 import GPT2Block

from chatbot.decoding.linear import Linear, make_linear, pick_precision
from chatbot.decoding.native.kernels import LANES, Kernels, kernels
from chatbot.decoding.params import Precision

Attend = Callable[[int, Tensor, Tensor, Tensor], Tensor]
Make = Callable[[Tensor, Tensor | None], Linear]
_TANH_GELUS = ("gelu_new", "gelu_pytorch_tanh")


class Norm:
    """Layer normalisation with learned scale and shift."""

    def __init__(self, module: torch.nn.LayerNorm) -> None:
        self.weight, self.bias = module.weight.detach().float(), module.bias.detach().float()
        self.epsilon = module.eps

    def __call__(self, x: Tensor) -> Tensor:
        return layer_norm(x, self.weight.shape, self.weight, self.bias, self.epsilon)


class Block:
    """One layer: attention and MLP, each behind a norm and beside a residual."""

    def __init__(self, module: GPT2Block, config: GPT2Config, number: int, make: Make) -> None:
        self.number, self.num_heads = number, config.n_head
        self.norms = Norm(module.ln_1), Norm(module.ln_2)
        weights = {
            name: (part.weight.detach().float().t().clone(), part.bias.detach().float().clone())
            for name, part in (
                ("qkv", module.attn.c_attn),
                ("out", module.attn.c_proj),
                ("up", module.mlp.c_fc),
                ("down", module.mlp.c_proj),
            )
        }
        for tensor in weights["qkv"]:
            tensor[: config.n_embd] *= _attention_scale(config, number)
        layers = {name: make(*pair) for name, pair in weights.items()}
        self.qkv, self.out, self.up, self.down = (layers[k] for k in ("qkv", "out", "up", "down"))
        self.tanh_gelu = config.activation_function in _TANH_GELUS
        self.activation = module.mlp.act

    def __call__(self, x: Tensor, attend: Attend) -> Tensor:
        """Return (N, D) for (N, D)."""
        heads = self.qkv(self.norms[0](x)).view(len(x), 3, self.num_heads, -1)  # (N, 3, H, d)
        mixed = attend(self.number, *heads.unbind(1))  # (N, H, d)
        x = x + self.out(mixed.flatten(1))
        inner = self.up(self.norms[1](x))
        inner = gelu(inner, approximate="tanh") if self.tanh_gelu else self.activation(inner)
        return x + self.down(inner)


class Decoder:
    """A GPT-2's weights, made ready for one precision.

    Attributes:
        precision: what ``"auto"`` has become.
        max_length: positions the model has.
        kernels: that its linear layers are made for; ``None``: they are torch's.
    """

    def __init__(self, model: GPT2LMHeadModel, precision: Precision = "auto") -> None:
        self.device = model.device
        self.precision = kind = pick_precision(precision, self.device)
        self.config = config = model.config
        self.max_length: int = config.n_positions
        self.kernels = _kernels_for(config, kind, self.device)
        make = partial(make_linear, precision=kind, kernels=self.kernels)
        body = model.transformer
        self.tokens, self.positions = body.wte.weight.detach(), body.wpe.weight.detach()
        self.blocks = [Block(module, config, k, make) for k, module in enumerate(body.h)]
        self.norm = Norm(body.ln_f)
        self.head = make(model.lm_head.weight.detach(), None)

    def __call__(self, ids: Tensor, positions: Tensor, attend: Attend) -> Tensor:
        """Return the last layer's output, (N, D) float32, for ids and positions (N,) int64.

        Args:
            attend: attention of a layer: its number and the queries (scaled already), keys and
                values of the tokens, each (N, H, d), to (N, H, d).
        """
        x = self.embed(ids, positions)
        for block in self.blocks:
            x = block(x, attend)
        return self.norm(x)

    def embed(self, ids: Tensor, positions: Tensor) -> Tensor:
        """Return what the first layer reads, (N, D) float32, for ids and positions (N,) int64."""
        x: Tensor = self.tokens[ids].float() + self.positions[positions].float()
        return x

    def logits(self, hidden: Tensor) -> Tensor:
        """Return (N, V) float32 for outputs (N, D) of the last layer."""
        return self.head(hidden)


def _kernels_for(config: GPT2Config, kind: Precision, device: torch.device) -> Kernels | None:
    """Return the kernels, if they can do what this model does."""
    has_whole_lanes = config.n_embd // config.n_head % LANES == 0
    is_known = has_whole_lanes and config.activation_function in _TANH_GELUS
    return kernels() if is_known and kind == "int8" and device.type == "cpu" else None


def _attention_scale(config: GPT2Config, layer: int) -> float:
    scale = (config.n_embd // config.n_head) ** -0.5 if config.scale_attn_weights else 1.0
    return scale / (layer + 1) if config.scale_attn_by_inverse_layer_idx else scale
