"""The files that install and deliver the project agree with each other and name no one's machine."""

import os
import re
import shutil
import subprocess
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


def repository_files() -> list[Path]:
    """Every file that is or would be committed."""
    if shutil.which("git") is None or not (ROOT / ".git").exists():
        pytest.skip("not a git checkout")
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    names = subprocess.run(command, cwd=ROOT, capture_output=True, check=True).stdout.decode()
    return [ROOT / name for name in names.split("\0") if name and (ROOT / name).is_file()]


def pins() -> dict[str, str]:
    """Canonical package name -> pinned version; every line must be a plain pin."""
    found = {}
    for line in (ROOT / "constraints.txt").read_text("utf-8").splitlines():
        if line and not line.startswith("#"):
            match = re.fullmatch(r"([A-Za-z0-9._-]+)==([0-9][0-9a-z.]*)", line)
            assert match, f"not an exact pin: {line}"
            found[canonical(match[1])] = match[2]
    return found


def canonical(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def test_every_direct_dependency_is_pinned_exactly() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    extras = project["optional-dependencies"].values()
    direct = [*project["dependencies"], *(name for extra in extras for name in extra)]
    names = {canonical(re.split(r"[\[<>=!~; ]", requirement)[0]) for requirement in direct}
    assert names <= set(pins())


def test_torch_is_pinned_to_the_measured_version() -> None:
    assert pins()["torch"] == "2.13.0"
    assert "xianliao" not in pins()


def test_no_file_names_a_registry_or_one_machine() -> None:
    hosts = "pypi|pythonhosted|download.pytorch|npmjs|yarnpkg|deb.debian|docker|golang|crates"
    registry = re.compile(rf"\b(?:{hosts}|mirrors?\.\w+)\.(?:org|com|net|io|cn)\b")
    machine = re.compile(r"(?<![\w.~/-])/(?:work|root|home/\w+|Users/\w+|opt/wheels)\b")
    guilty = []
    for path in repository_files():
        try:
            text = path.read_text("utf-8")
        except UnicodeDecodeError:
            continue
        for pattern in (registry, machine):
            guilty += [f"{path.relative_to(ROOT)}: {found[0]}" for found in pattern.finditer(text)]
    assert guilty == []


def test_image_runs_unprivileged_and_asks_readyz() -> None:
    lines = (ROOT / "Dockerfile").read_text("utf-8").replace("\\\n", "").splitlines()
    last_stage = lines[max(i for i, line in enumerate(lines) if line.startswith("FROM ")) :]
    users = [line.split()[1] for line in last_stage if line.startswith("USER ")]
    assert users
    assert users[-1].split(":")[0] not in {"root", "0"}
    assert "VOLUME /data" in last_stage
    assert any(line.startswith("HEALTHCHECK ") and "/readyz" in line for line in last_stage)
    assert 'CMD ["python", "-m", "api"]' in last_stage
    assert any("-c constraints.txt" in line for line in lines)


def test_image_copies_only_what_the_context_lets_through() -> None:
    ignored = (ROOT / ".dockerignore").read_text("utf-8").splitlines()
    assert ignored[0] == "*"
    allowed = {line[1:] for line in ignored if line.startswith("!")}
    copied = set()
    for line in (ROOT / "Dockerfile").read_text("utf-8").splitlines():
        if line.startswith("COPY ") and "--from" not in line:
            copied |= set(line.split()[1:-1])
    assert copied == allowed
    assert all((ROOT / name).exists() for name in copied)


def test_ci_installs_and_tests() -> None:
    script = ROOT / ".ci" / "run"
    assert os.access(script, os.X_OK)
    text = script.read_text("utf-8")
    assert text.startswith("#!/usr/bin/env bash\n")
    assert "set -euo pipefail" in text
    assert text.rstrip().endswith("make test")
    subprocess.run(["bash", "-n", str(script)], check=True)


def test_an_installed_package_holds_every_file_it_reads() -> None:
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["setuptools"]
    patterns = settings["package-data"]["*"]
    folders = ("chatbot", "training", "vocab", "api")
    files = [path.relative_to(ROOT) for path in repository_files()]
    data = [
        path for path in files if path.parts[0] in folders and path.suffix not in {".py", ".png"}
    ]
    left_out = [str(path) for path in data if not any(path.match(name) for name in patterns)]
    assert data
    assert left_out == []
