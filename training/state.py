"""What a run needs to go on: optimizer tensors, progress and the random state, saved atomically."""

import dataclasses
import json
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from chatbot.folder import replace_folder, stage_folder
from training.errors import TrainingError
from training.optimizer import MasterAdamW


@dataclass
class Progress:
    """Where a run stands; the position in the data follows from ``step``."""

    step: int = 0
    num_tokens: int = 0
    first_loss: float = float("inf")
    best_loss: float = float("inf")
    best_step: int = 0
    num_bad: int = 0


def save_state(folder: Path, optimizer: MasterAdamW, progress: Progress) -> None:
    """Write optimizer, progress and random state; the previous state stays until this is whole."""
    staging = stage_folder(folder)
    tensors = {name: tensor.detach().cpu() for name, tensor in optimizer.state().items()}
    tensors["rng"] = torch.get_rng_state()
    if torch.cuda.is_available():
        tensors["cuda_rng"] = torch.cuda.get_rng_state()
    save_file(tensors, staging / "tensors.safetensors")
    text = json.dumps(dataclasses.asdict(progress), indent=2)
    (staging / "progress.json").write_text(text + "\n", encoding="utf-8")
    replace_folder(staging, folder)


def saved_state(folder: Path) -> Path | None:
    """Return where the state lies that a run can go on from, if there is one."""
    old = folder.with_name(folder.name + ".old")  # stopped between the two renames of a save
    return next((place for place in (folder, old) if place.is_dir()), None)


def load_state(folder: Path, optimizer: MasterAdamW) -> Progress:
    """Restore what ``save_state`` wrote.

    Raises:
        TrainingError: there is nothing to resume from, or it does not fit this model.
    """
    folder = saved_state(folder) or folder
    try:
        values = json.loads((folder / "progress.json").read_text(encoding="utf-8"))
        tensors = load_file(folder / "tensors.safetensors")
        progress = Progress(**values)
        optimizer.load_state(tensors)
    except FileNotFoundError:
        raise TrainingError(f"{folder}: 没有可以接着训练的存盘；去掉 RESUME=1 从头开始") from None
    except (ValueError, TypeError, SafetensorError) as error:
        raise TrainingError(f"{folder}: 存盘坏了（{error}）；去掉 RESUME=1 从头开始") from None
    except (KeyError, RuntimeError) as error:
        raise TrainingError(f"{folder}: 存盘与这个模型不符（{error}）；用原来的配置") from None
    torch.set_rng_state(tensors["rng"])
    if "cuda_rng" in tensors and torch.cuda.is_available():
        torch.cuda.set_rng_state(tensors["cuda_rng"])
    return progress
