"""The models that are raced with, and what each is asked to do."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from types import MappingProxyType
from typing import Final

import torch
from transformers import BertTokenizerFast, GPT2Config, GPT2LMHeadModel

from chatbot.checkpoint import SHIPPED_CHECKPOINT, load_checkpoint, special_ids
from vocab.wordpiece import SPECIAL_TOKENS

Pair = tuple[GPT2LMHeadModel, BertTokenizerFast]


@dataclass(frozen=True, kw_only=True)
class Subject:
    """A model on a device.

    Attributes:
        title: as the report names it.
        build: make the model, float32 and in eval mode on the CPU, and its tokenizer; a function
            that can be pickled.
        workloads: names of what it is asked to do.
        targets: the ratio that our engine must reach: (workload, peer) -> times as fast.
        device: where it runs.
    """

    title: str
    build: Callable[[], Pair]
    workloads: tuple[str, ...]
    targets: Mapping[tuple[str, str], float] = field(default_factory=dict)
    device: str = "cpu"


def chitchat(num_positions: int = 300) -> Pair:
    """Return GPT2-chitchat's model with random weights, the same every time."""
    names = [*SPECIAL_TOKENS, *(f"t{place}" for place in range(len(SPECIAL_TOKENS), 13_317))]
    tokenizer = BertTokenizerFast(vocab={name: id_ for id_, name in enumerate(names)})
    config = GPT2Config(
        vocab_size=len(names),
        n_positions=num_positions,
        n_embd=768,
        n_layer=12,
        n_head=12,
        **special_ids(tokenizer),
    )
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return GPT2LMHeadModel(config).eval(), tokenizer


def shipped() -> Pair:
    """Return the model that lies in the repository."""
    checkpoint = load_checkpoint(SHIPPED_CHECKPOINT)
    return checkpoint.model, checkpoint.tokenizer


def words(tokenizer: BertTokenizerFast) -> range:
    """Return the ids that are no special tokens."""
    return range(len(SPECIAL_TOKENS), len(tokenizer))


SUBJECTS: Final[Mapping[str, Subject]] = MappingProxyType(
    {
        "chitchat": Subject(
            title="GPT2-chitchat 的配置：12 层 × 768，词表 13,317，随机权重",
            build=chitchat,
            workloads=("1", "8", "32"),
            targets=MappingProxyType(
                {
                    ("1", "ctranslate2"): 1.2,
                    ("8", "ctranslate2"): 2,
                    ("32", "ctranslate2"): 3,
                    ("1", "generate-fp32"): 6,
                    ("8", "generate-fp32"): 8,
                    ("32", "generate-fp32"): 10,
                }
            ),
        ),
        "chitchat-512": Subject(
            title="同一配置，位置加到 512：多轮对话",
            build=partial(chitchat, 512),
            workloads=("turn5",),
            targets=MappingProxyType({("turn5", "ctranslate2"): 5, ("turn5", "generate-fp32"): 10}),
        ),
        "shipped": Subject(title="随附的小闲", build=shipped, workloads=("1", "8", "32")),
        "chitchat-cuda": Subject(
            title="GPT2-chitchat 的配置，在显卡上",
            build=chitchat,
            workloads=("1", "32", "256"),
            device="cuda",
        ),
    }
)
