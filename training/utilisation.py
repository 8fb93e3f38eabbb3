"""Model FLOP utilisation: what share of a GPU's peak goes into the model's own arithmetic."""

import torch
from transformers import GPT2LMHeadModel

# Dense bfloat16 TFLOPS with float32 accumulation, from the makers' data sheets. A card is the first
# of these that its name holds.
PEAK_TFLOPS = {
    "GB200": 2500.0,
    "B200": 2250.0,
    "H200 NVL": 835.5,
    "H200": 989.4,
    "H100 NVL": 835.5,
    "H100 PCIe": 756.5,
    "H100": 989.4,
    "H800 PCIe": 756.5,
    "H800": 989.4,
    "H20": 148.0,
    "A100": 312.0,
    "A800": 312.0,
    "A40": 149.7,
    "A30": 165.0,
    "A10G": 70.0,
    "A10": 125.0,
    "L40S": 362.0,
    "L40": 181.0,
    "L4": 121.0,
    "RTX 5090": 209.5,
    "RTX 4090": 165.2,
    "RTX 3090": 71.0,
    "MI300X": 1307.4,
}


def flops_per_token(model: GPT2LMHeadModel, length: int) -> int:
    """Return the operations of a forward and a backward pass over a token of a row of ``length``.

    6 N + 12 L d T (Chowdhery et al. 2022, "PaLM", appendix B): N weights, L layers of width d, T
    tokens in a row, none of the causal half left out. Embeddings that are only looked up are not
    in N; a head that shares them is.
    """
    looked_up = [model.transformer.wpe.weight, model.transformer.wte.weight]
    left_out = sum(weight.numel() for weight in looked_up if weight is not model.lm_head.weight)
    num_weights = sum(weight.numel() for weight in model.parameters()) - left_out
    num_layers, width = int(model.config.n_layer), int(model.config.n_embd)
    return int(6 * num_weights + 12 * num_layers * width * length)


def peak_flops(override: float = 0.0) -> float:
    """Return the bfloat16 operations a second of this process' GPU at its best.

    Args:
        override: TFLOPS, instead of those known by the card's name.

    Returns:
        0 without a GPU, or where nothing is known of it.
    """
    if not torch.cuda.is_available():
        return 0.0
    name = torch.cuda.get_device_name()
    known = next((peak for card, peak in PEAK_TFLOPS.items() if card in name), 0.0)
    return 1e12 * (override or known)
