"""A folder that describes itself: weights, config, tokenizer, generation defaults, manifest.

    model.safetensors       the weights, float16, float32 or bfloat16; never a pickle
    config.json             a GPT2Config
    vocab.txt               the WordPiece table; tokenizer_config.json beside it
    generation_config.json  the sampling defaults
    known_replies.tsv.xz    optional: replies of the corpus, proposed beside generation (known.py)
    known_states.npz        optional: where the model stood before each of them (known_states.py)
    manifest.json           name, format, figures, and the SHA-256 of every other file

The folder is in the hub's form as well: ``AutoModelForCausalLM.from_pretrained(folder)`` loads it.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save
from transformers import BertTokenizerFast, GPT2Config, GPT2LMHeadModel

from chatbot.decoding.params import RANGES, SamplingParams
from chatbot.errors import CheckpointError, InvalidParams
from chatbot.folder import read_json, replace_folder, stage_folder, write_json
from chatbot.known import KnownReply, read_known, write_known
from chatbot.known_states import KnownStates, read_states, write_states
from chatbot.manifest import FORMAT, MANIFEST, verified_manifest, write_manifest
from chatbot.weights import (
    CONFIG,
    WEIGHTS,
    build_model,
    read_config,
    read_weights,
    special_ids,
    weights_dtype,
)
from vocab.wordpiece import VocabError, load_tokenizer, save_vocab

__all__ = [
    "CONFIG",
    "FORMAT",
    "GENERATION",
    "KNOWN",
    "MANIFEST",
    "SHIPPED_CHECKPOINT",
    "STATES",
    "TOKENIZER",
    "VOCAB",
    "WEIGHTS",
    "Checkpoint",
    "load_checkpoint",
    "save_checkpoint",
    "special_ids",
    "weights_dtype",
]

SHIPPED_CHECKPOINT = Path(__file__).with_name("checkpoints") / "xiaoxian"
VOCAB, TOKENIZER, GENERATION = "vocab.txt", "tokenizer_config.json", "generation_config.json"
KNOWN, STATES = "known_replies.tsv.xz", "known_states.npz"
_PICKLES = ("pytorch_model.bin", "model.bin", "model.pt", "model.pth", "model.pkl")


@dataclass(frozen=True)
class Checkpoint:
    """A loaded folder. ``model`` is float32 and in eval mode."""

    folder: Path
    model: GPT2LMHeadModel
    tokenizer: BertTokenizerFast
    generation: dict[str, Any]
    manifest: dict[str, Any]
    known: tuple[KnownReply, ...] = ()
    states: KnownStates | None = None

    @property
    def defaults(self) -> SamplingParams:
        """Its own sampling parameters.

        Raises:
            CheckpointError: one of them does not exist or is out of range.
        """
        file = self.folder / GENERATION
        for name in self.generation:
            if name not in RANGES:
                raise CheckpointError(f"{file}: 没有 {name} 这个参数；可用的是 {'、'.join(RANGES)}")
        try:
            return SamplingParams(**self.generation)
        except InvalidParams as error:
            raise CheckpointError(f"{file}: {error}；请改正或删去这一项") from None


def save_checkpoint(
    folder: str | Path,
    model: GPT2LMHeadModel,
    tokenizer: BertTokenizerFast,
    *,
    name: str,
    generation: dict[str, Any] | None = None,
    facts: dict[str, Any] | None = None,
    known: Iterable[KnownReply] = (),
    states: KnownStates | None = None,
    dtype: torch.dtype = torch.float16,
) -> Path:
    """Write a checkpoint folder atomically: a reader sees the old one or the new one, whole.

    Args:
        generation: values for ``SamplingParams``; what is absent keeps its default.
        facts: anything else the manifest should hold (data, steps, figures).
        known: replies for the bot to propose.
        states: where this model stood before each of them.
        dtype: of the stored weights; float16 rounds a weight by at most 1/2048 of itself.
    """
    folder = Path(folder)
    staging = stage_folder(folder)
    weights = {
        key: tensor.detach().to("cpu", dtype).contiguous()
        for key, tensor in model.state_dict().items()
        if key != "lm_head.weight" or not model.config.tie_word_embeddings
    }
    # Not ``save_file``: it makes a file that only its owner may read, whatever the umask.
    (staging / WEIGHTS).write_bytes(save(weights, metadata={"format": "pt"}))
    write_json(staging / CONFIG, _config_dict(model.config, dtype))
    save_vocab(tokenizer, staging / VOCAB)
    write_json(staging / TOKENIZER, _tokenizer_dict(tokenizer))
    write_json(staging / GENERATION, generation or {})
    files = [WEIGHTS, CONFIG, VOCAB, TOKENIZER, GENERATION]
    replies = tuple(known)
    if replies:
        write_known(staging / KNOWN, replies)
        files.append(KNOWN)
    if states is not None:
        assert len(states) == len(replies), "each reply has its state"
        write_states(staging / STATES, states)
        files.append(STATES)
    write_manifest(staging, name, facts, files)
    replace_folder(staging, folder)
    return folder


def load_checkpoint(folder: str | Path) -> Checkpoint:
    """Load and verify a checkpoint folder, ours or one in hub form with its own ``vocab.txt``.

    Raises:
        CheckpointError: the folder is missing, incomplete, corrupt, holds a pickle instead of
            safetensors, or its vocabulary does not fit its weights.
    """
    folder = Path(folder)
    _require_files(folder)
    manifest = verified_manifest(folder)
    try:
        tokenizer = load_tokenizer(folder)
    except VocabError as error:
        raise CheckpointError(str(error)) from None
    config = read_config(folder / CONFIG, tokenizer)
    # In the hub's form this file has other keys; only ours is in a manifest.
    generation = read_json(folder / GENERATION) if GENERATION in manifest["sha256"] else {}
    model = build_model(config, read_weights(folder / WEIGHTS), folder / WEIGHTS)
    known = read_known(folder / KNOWN) if KNOWN in manifest["sha256"] else ()
    states = None
    if STATES in manifest["sha256"]:
        states = read_states(folder / STATES, num_known=len(known), width=model.config.n_embd)
    return Checkpoint(folder, model, tokenizer, generation, manifest, known, states)


def _require_files(folder: Path) -> None:
    if not folder.is_dir():
        raise CheckpointError(f"{folder}: 找不到模型文件夹；请检查 CHECKPOINT= 的路径")
    if not (folder / WEIGHTS).is_file():
        pickles = [name for name in _PICKLES if (folder / name).is_file()]
        if pickles:
            raise CheckpointError(
                f"{folder / pickles[0]}: 这是 pickle，不直接加载；"
                "先运行 python -m chatbot convert 转成 safetensors"
            )
    for name in (WEIGHTS, CONFIG, VOCAB):
        if not (folder / name).is_file():
            raise CheckpointError(f"{folder}: 缺少 {name}；文件夹不完整，请重新取得或重新训练")


def _config_dict(config: GPT2Config, dtype: torch.dtype) -> dict[str, Any]:
    values: dict[str, Any] = config.to_diff_dict()
    values |= {"model_type": "gpt2", "architectures": ["GPT2LMHeadModel"]}
    values["dtype"] = str(dtype).removeprefix("torch.")
    values.pop("transformers_version", None)
    return values


def _tokenizer_dict(tokenizer: BertTokenizerFast) -> dict[str, Any]:
    options = ("do_lower_case", "tokenize_chinese_chars", "strip_accents")
    values = {key: getattr(tokenizer, key) for key in options}
    return {"tokenizer_class": "BertTokenizer", **values}
