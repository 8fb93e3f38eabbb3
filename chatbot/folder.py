"""A folder that is written beside its place and then put there, and the JSON files in it."""

import json
import os
import shutil
from pathlib import Path
from typing import Any

from chatbot.errors import CheckpointError


def stage_folder(folder: Path) -> Path:
    """Return an empty folder beside ``folder``, to be filled and handed to ``replace_folder``."""
    staging = folder.with_name(folder.name + ".saving")
    shutil.rmtree(staging, ignore_errors=True)
    staging.mkdir(parents=True)
    return staging


def replace_folder(staging: Path, folder: Path) -> None:
    """Put ``staging`` in the place of ``folder``; at any moment one of the two is whole."""
    old = folder.with_name(folder.name + ".old")
    shutil.rmtree(old, ignore_errors=True)
    if not folder.exists():
        os.replace(staging, folder)
        return
    os.replace(folder, old)
    try:
        os.replace(staging, folder)
    except OSError:
        os.replace(old, folder)
        raise
    shutil.rmtree(old, ignore_errors=True)


def read_json(path: Path) -> dict[str, Any]:
    """Return the JSON object of a file.

    Raises:
        CheckpointError: it cannot be read, is not JSON, or is no object.
    """
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError, OSError) as error:
        raise CheckpointError(f"{path}: JSON 坏了（{error}）；请重新取得这个文件") from None
    if not isinstance(values, dict):
        raise CheckpointError(f"{path}: 须是一个 JSON 对象；请重新取得这个文件")
    return values


def write_json(path: Path, values: dict[str, Any]) -> None:
    """Write a JSON object, indented, with Chinese as it stands."""
    path.write_text(json.dumps(values, ensure_ascii=False, indent=2) + "\n", encoding="utf-8")
