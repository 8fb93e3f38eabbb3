"""A folder that describes itself: weights, config, tokenizer, generation defaults, manifest.

    model.safetensors       the weights, float16, float32 or bfloat16; never a pickle
    config.json             a GPT2Config
    vocab.txt               the WordPiece table; tokenizer_config.json beside it
    generation_config.json  the sampling defaults
    manifest.json           name, format, figures, and the SHA-256 of every other file

The folder is in the hub's form as well: ``AutoModelForCausalLM.from_pretrained(folder)`` loads it.
"""

import hashlib
import json
import os
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file, save_file
from transformers import BertTokenizerFast, GPT2Config, GPT2LMHeadModel

from chatbot.errors import CheckpointError
from vocab.wordpiece import VocabError, load_tokenizer, save_vocab

FORMAT = 1
SHIPPED_CHECKPOINT = Path(__file__).with_name("checkpoints") / "xiaoxian"
WEIGHTS, CONFIG, VOCAB = "model.safetensors", "config.json", "vocab.txt"
TOKENIZER, GENERATION, MANIFEST = "tokenizer_config.json", "generation_config.json", "manifest.json"
_PICKLES = ("pytorch_model.bin", "model.bin", "model.pt", "model.pth", "model.pkl")


@dataclass(frozen=True)
class Checkpoint:
    """A loaded folder. ``model`` is float32 and in eval mode."""

    folder: Path
    model: GPT2LMHeadModel
    tokenizer: BertTokenizerFast
    generation: dict[str, Any]
    manifest: dict[str, Any]


def special_ids(tokenizer: BertTokenizerFast) -> dict[str, int]:
    """Return what a ``GPT2Config`` must say of special tokens (its defaults are 50256)."""
    return {
        "bos_token_id": tokenizer.cls_token_id,
        "eos_token_id": tokenizer.sep_token_id,
        "pad_token_id": tokenizer.pad_token_id,
    }


def save_checkpoint(
    folder: str | Path,
    model: GPT2LMHeadModel,
    tokenizer: BertTokenizerFast,
    *,
    name: str,
    generation: dict[str, Any] | None = None,
    facts: dict[str, Any] | None = None,
    dtype: torch.dtype = torch.float16,
) -> Path:
    """Write a checkpoint folder atomically: a reader sees the old one or the new one, whole.

    Args:
        generation: values for ``SamplingParams``; what is absent keeps its default.
        facts: anything else the manifest should hold (data, steps, figures).
        dtype: of the stored weights; float16 rounds a weight by at most 1/2048 of itself.
    """
    folder = Path(folder)
    staging = folder.with_name(folder.name + ".saving")
    shutil.rmtree(staging, ignore_errors=True)
    staging.mkdir(parents=True)
    weights = {
        key: tensor.detach().to("cpu", dtype).contiguous()
        for key, tensor in model.state_dict().items()
        if key != "lm_head.weight" or not model.config.tie_word_embeddings
    }
    save_file(weights, staging / WEIGHTS, metadata={"format": "pt"})
    _write_json(staging / CONFIG, _config_dict(model.config, dtype))
    save_vocab(tokenizer, staging / VOCAB)
    options = ("do_lower_case", "tokenize_chinese_chars", "strip_accents")
    tokenizer_config = {"tokenizer_class": "BertTokenizer"}
    tokenizer_config |= {key: getattr(tokenizer, key) for key in options}
    _write_json(staging / TOKENIZER, tokenizer_config)
    _write_json(staging / GENERATION, generation or {})
    files = (WEIGHTS, CONFIG, VOCAB, TOKENIZER, GENERATION)
    hashes = {file: _sha256(staging / file) for file in files}
    manifest = {"format": FORMAT, "name": name, **(facts or {}), "sha256": hashes}
    _write_json(staging / MANIFEST, manifest)
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
    manifest = _verified_manifest(folder)
    try:
        tokenizer = load_tokenizer(folder)
    except VocabError as error:
        raise CheckpointError(str(error)) from None
    config = _read_config(folder)
    if len(tokenizer) != config.vocab_size:
        raise CheckpointError(
            f"{folder}: 词表有 {len(tokenizer)} 个词，权重却按 {config.vocab_size} 个训练；"
            f"请放回训练时用的 {VOCAB}"
        )
    for key, value in special_ids(tokenizer).items():
        setattr(config, key, value)
    generation = {}
    if (folder / GENERATION).is_file() and "sha256" in manifest:
        generation = _read_json(folder / GENERATION)
    model = _load_model(folder / WEIGHTS, config)
    return Checkpoint(folder, model, tokenizer, generation, manifest)


def replace_folder(staging: Path, folder: Path) -> None:
    """Put ``staging`` in the place of ``folder``; at any moment one of the two is whole."""
    old = folder.with_name(folder.name + ".old")
    shutil.rmtree(old, ignore_errors=True)
    if folder.exists():
        os.replace(folder, old)
    os.replace(staging, folder)
    shutil.rmtree(old, ignore_errors=True)


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


def _verified_manifest(folder: Path) -> dict[str, Any]:
    """Return the manifest, every file checked against it; a bare one for a folder without any."""
    if not (folder / MANIFEST).is_file():
        return {"name": folder.resolve().name}
    manifest = _read_json(folder / MANIFEST)
    if manifest.get("format") != FORMAT:
        raise CheckpointError(
            f"{folder / MANIFEST}: 格式号是 {manifest.get('format')!r}，"
            f"本程序只认 {FORMAT}；请用相配的版本"
        )
    for name, digest in manifest.get("sha256", {}).items():
        if not (folder / name).is_file():
            raise CheckpointError(f"{folder}: 缺少 {name}；文件夹不完整，请重新取得或重新训练")
        if _sha256(folder / name) != digest:
            raise CheckpointError(
                f"{folder / name}: 内容与 {MANIFEST} 的校验和不符，文件坏了或没写完；"
                "请重新取得或重新训练"
            )
    return manifest


def _read_config(folder: Path) -> GPT2Config:
    values = _read_json(folder / CONFIG)
    if values.get("model_type", "gpt2") != "gpt2":
        raise CheckpointError(
            f"{folder / CONFIG}: model_type 是 {values['model_type']!r}；这里只支持 gpt2"
        )
    return GPT2Config.from_dict(values)


def _load_model(path: Path, config: GPT2Config) -> GPT2LMHeadModel:
    try:
        weights = load_file(path)
    except (SafetensorError, OSError) as error:
        raise CheckpointError(
            f"{path}: 读不出来（{error}），文件坏了或没写完；请重新取得或重新训练"
        ) from None
    prefix = "" if any(key.startswith("transformer.") for key in weights) else "transformer."
    weights = {
        key if key == "lm_head.weight" else prefix + key: tensor.float()
        for key, tensor in weights.items()
        if not key.endswith((".attn.bias", ".attn.masked_bias"))
    }
    model = GPT2LMHeadModel(config)
    weights.setdefault("lm_head.weight", weights.get("transformer.wte.weight", torch.empty(0)))
    try:
        model.load_state_dict(weights, strict=True)
    except RuntimeError as error:
        what = " ".join(str(error).split())[:200]
        raise CheckpointError(f"{path}: 权重与 {CONFIG} 不符（{what}）；请放回相配的一对") from None
    model.tie_weights()
    return model.float().eval()


def weights_dtype(folder: str | Path) -> str:
    """Return the storage type of the folder's weights, such as ``F16``."""
    with safe_open(Path(folder) / WEIGHTS, "pt") as file:
        return str(file.get_slice(next(iter(file.keys()))).get_dtype())


def _config_dict(config: GPT2Config, dtype: torch.dtype) -> dict[str, Any]:
    values: dict[str, Any] = config.to_diff_dict()
    values |= {"model_type": "gpt2", "architectures": ["GPT2LMHeadModel"]}
    values["dtype"] = str(dtype).removeprefix("torch.")
    values.pop("transformers_version", None)
    return values


def _read_json(path: Path) -> dict[str, Any]:
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise CheckpointError(f"{path}: JSON 坏了（{error}）；请重新取得这个文件") from None
    if not isinstance(values, dict):
        raise CheckpointError(f"{path}: 须是一个 JSON 对象；请重新取得这个文件")
    return values


def _write_json(path: Path, values: dict[str, Any]) -> None:
    path.write_text(json.dumps(values, ensure_ascii=False, indent=2) + "\n", encoding="utf-8")


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
