"""The engines that ours is measured against."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from types import MappingProxyType
from typing import Final

import torch
from transformers import BertTokenizerFast, GPT2LMHeadModel

from benchmarks.contender import Contender
from benchmarks.peers.generate import Generate
from benchmarks.peers.no_cache import NoCache
from benchmarks.peers.translate import Translate
from benchmarks.workload import Workload

Build = Callable[[GPT2LMHeadModel, BertTokenizerFast, int], Contender]


@dataclass(frozen=True, kw_only=True)
class Peer:
    """An engine to be measured against.

    Attributes:
        title: as the table names it.
        build: make it from a model (which it must not change), its tokenizer, and the number of
            threads.
        module: that must be installed.
        has_batches: whether it can write for several prompts at once.
        devices: where it runs.
    """

    title: str
    build: Build
    module: str = "transformers"
    has_batches: bool = True
    devices: tuple[str, ...] = ("cpu",)

    @property
    def is_installed(self) -> bool:
        """Whether it is here at all."""
        return find_spec(self.module) is not None

    def can(self, workload: Workload, device: str) -> bool:
        """Whether it can do this work there."""
        return device in self.devices and (self.has_batches or workload.num_streams == 1)


PEERS: Final[Mapping[str, Peer]] = MappingProxyType(
    {
        "ctranslate2": Peer(
            title="CTranslate2 int8",
            build=Translate,
            module="ctranslate2",
        ),
        "generate-fp32": Peer(
            title="transformers generate fp32",
            build=lambda model, _tokenizer, _threads: Generate(model, torch.float32),
            devices=("cpu", "cuda"),
        ),
        "generate-bf16": Peer(
            title="transformers generate bf16",
            build=lambda model, _tokenizer, _threads: Generate(model, torch.bfloat16),
            devices=("cpu", "cuda"),
        ),
        "no-cache": Peer(
            title="无 KV 缓存的循环 fp32（GPT2-chitchat 的写法）",
            build=lambda model, _tokenizer, _threads: NoCache(model),
            has_batches=False,
        ),
    }
)
