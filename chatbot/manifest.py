"""``manifest.json``: what a checkpoint folder is called, and the SHA-256 of each of its files."""

import hashlib
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from chatbot.errors import CheckpointError
from chatbot.folder import read_json, write_json

FORMAT = 1
MANIFEST = "manifest.json"


def write_manifest(
    folder: Path, name: str, facts: dict[str, Any] | None, files: Iterable[str]
) -> None:
    """Write the manifest of ``files``; ``facts`` is anything else that it should hold."""
    hashes = {file: _sha256(folder / file) for file in files}
    manifest = {"format": FORMAT, "name": name, **(facts or {}), "sha256": hashes}
    write_json(folder / MANIFEST, manifest)


def verified_manifest(folder: Path) -> dict[str, Any]:
    """Return the manifest, every file checked against it; a bare one for a folder without any.

    Raises:
        CheckpointError: another format, or a file that is missing or not what was written.
    """
    path = folder / MANIFEST
    if not path.is_file():
        return {"name": folder.resolve().name, "sha256": {}}
    manifest = read_json(path)
    if manifest.get("format") != FORMAT:
        raise CheckpointError(
            f"{path}: 格式号是 {manifest.get('format')!r}，本程序只认 {FORMAT}；请用相配的版本"
        )
    hashes = manifest.get("sha256")
    if not isinstance(manifest.get("name"), str) or not isinstance(hashes, dict) or not hashes:
        raise CheckpointError(f"{path}: 缺少 name 或 sha256；请重新取得这个文件")
    for name, digest in hashes.items():
        if not (folder / name).is_file():
            raise CheckpointError(f"{folder}: 缺少 {name}；文件夹不完整，请重新取得或重新训练")
        if _sha256(folder / name) != digest:
            raise CheckpointError(
                f"{folder / name}: 内容与 {MANIFEST} 的校验和不符，文件坏了或没写完；"
                "请重新取得或重新训练"
            )
    return manifest


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
