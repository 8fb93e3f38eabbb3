"""One step through the model in a single call of the kernels."""

import ctypes

import numpy as np
import torch
from torch import Tensor

from chatbot.decoding.forward import Batch
from chatbot.decoding.model import Block, Decoder, Norm
from chatbot.decoding.native.kernels import CBatch, CBlock, CLinear, CModel, CNorm, Kernels
from chatbot.decoding.native.linear import NativeLinear
from chatbot.decoding.native.rows import NativeRows
from chatbot.decoding.native.threads import num_threads


class NativeForward:
    """Steps in int8 on the CPU; keys and values are bfloat16."""

    def __init__(self, decoder: Decoder, rows: NativeRows, kernels: Kernels) -> None:
        """Take a decoder whose layers are ``NativeLinear``."""
        self._decoder, self._rows, self._kernels = decoder, rows, kernels
        blocks = (CBlock * len(decoder.blocks))(*map(_block, decoder.blocks))
        config = decoder.config
        self._num_classes = config.vocab_size
        self._model = CModel(
            blocks, _norm(decoder.norm), _linear(decoder.head), len(blocks), config.n_head,
            config.n_embd,
        )  # fmt: skip

    def __call__(self, batch: Batch) -> Tensor:
        """Write the tokens' keys and values; return the logits of the last ones, (L, V) float32."""
        x = self._decoder.embed(torch.tensor(batch.ids), torch.tensor(batch.positions))
        places = [*batch.rows, *(span.row for span in batch.spans)]
        rows = np.array([self._rows.address(row) for row in places], np.int64)
        lone = [(k, batch.positions[k], k, k + 1) for k in range(len(batch.rows))]
        longer = [
            (k, span.past, span.begin, span.end) for k, span in enumerate(batch.spans, len(lone))
        ]
        spans = np.array([*lone, *longer], np.int64)
        logits = x.new_empty((len(spans), self._num_classes))
        given = CBatch(
            x.data_ptr(), spans.ctypes.data, rows.ctypes.data, logits.data_ptr(),
            len(x), len(spans), len(rows),
        )  # fmt: skip
        wrong = self._kernels.library.kernels_step(
            self._kernels.level,
            ctypes.byref(self._model),
            ctypes.byref(given),
            num_threads(),
        )
        if wrong:
            raise IndexError(f"part {wrong} of a step lies outside its row")
        return logits


def _norm(norm: Norm) -> CNorm:
    return CNorm(norm.weight.data_ptr(), norm.bias.data_ptr(), norm.epsilon)


def _linear(layer: object) -> CLinear:
    assert isinstance(layer, NativeLinear), "the decoder was made for the kernels"
    return layer.handle


def _block(block: Block) -> CBlock:
    layers = map(_linear, (block.qkv, block.out, block.up, block.down))
    return CBlock((CNorm * 2)(*map(_norm, block.norms)), *layers)
