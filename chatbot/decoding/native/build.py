"""Compile the kernels, once for each version of their sources.

The library is looked for beside the sources (``python -m chatbot.decoding.native`` puts it there,
as the Docker image does), then in the virtual environment or else the user's cache folder, where it
is made on first use. Without a compiler, or where nothing can be written, there is none.
"""

import hashlib
import logging
import os
import platform
import shlex
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from chatbot.errors import ChatbotError

logger = logging.getLogger(__name__)

SOURCES = Path(__file__).parent
_MAIN = "kernels.cpp"
_OPTIONS = ("-std=c++17", "-O3", "-fPIC", "-shared", "-pthread", "-Wno-psabi")
_SECONDS = 120


def library() -> Path | None:
    """Return the compiled library, compiling it if need be; ``None``: it cannot be had here."""
    if platform.machine().lower() not in ("x86_64", "amd64"):
        return None
    name = library_name()
    folders = SOURCES, cache_folder()
    found = next((folder / name for folder in folders if (folder / name).is_file()), None)
    if found is not None:
        return found
    if not _compiler():
        logger.info("没有 C++ 编译器，解码不用原生内核，会慢一些")
        return None
    try:
        return compile_into(cache_folder())
    except (OSError, ChatbotError) as error:
        logger.warning("原生内核没有编译成，解码会慢一些：%s", error)
        return None


def library_name() -> str:
    """Return the file's name, which changes with any of the sources."""
    digest = hashlib.sha256(" ".join(_OPTIONS).encode())
    for path in sorted(SOURCES.iterdir()):
        if path.suffix in (".cpp", ".h", ".inc"):
            digest.update(path.name.encode() + path.read_bytes())
    return f"kernels-{digest.hexdigest()[:16]}.so"


def cache_folder() -> Path:
    """Return the environment's own folder, or the user's outside one: to be deleted at any time."""
    if sys.prefix != sys.base_prefix and os.access(sys.prefix, os.W_OK):
        return Path(sys.prefix) / "var" / "xianliao"
    return Path(os.environ.get("XDG_CACHE_HOME") or Path("~/.cache").expanduser()) / "xianliao"


def compile_into(folder: Path) -> Path:
    """Compile the library into a folder; whoever reads it there meets it whole or not at all.

    Raises:
        ChatbotError: there is no compiler, or it refuses.
        OSError: the folder cannot be written.
    """
    if not _compiler():
        raise ChatbotError("没有 C++ 编译器。Debian/Ubuntu 请运行：sudo apt install g++")
    folder.mkdir(parents=True, exist_ok=True)
    target = folder / library_name()
    with tempfile.TemporaryDirectory(dir=folder) as scratch:
        made = Path(scratch) / target.name
        command = [*_compiler(), *_OPTIONS, str(SOURCES / _MAIN), "-o", str(made)]
        try:
            subprocess.run(command, check=True, capture_output=True, timeout=_SECONDS)
        except subprocess.CalledProcessError as error:
            lines = error.stderr.decode(errors="replace").strip().splitlines()
            reason = next(iter(lines), f"退出码 {error.returncode}")
            raise ChatbotError(f"{command[0]}: {reason}") from None
        except subprocess.TimeoutExpired:
            raise ChatbotError(f"{command[0]}: 编译超过 {_SECONDS} 秒") from None
        made.replace(target)
    return target


def _compiler() -> list[str]:
    """Return the command that ``CXX`` names, or the system's own; empty: there is none."""
    for command in (os.environ.get("CXX"), "c++", "g++", "clang++"):
        if command and shutil.which(shlex.split(command)[0]):
            return shlex.split(command)
    return []
