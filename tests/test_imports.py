"""Who may import whom. The rules are DESIGN.md's; the imports are read from the source itself."""

import ast
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[1]
PACKAGES = ("vocab", "chatbot", "training", "api")
BELOW: dict[str, set[str]] = {
    "vocab": set(),
    "chatbot": {"vocab"},
    "training": {"vocab", "chatbot"},
    "api": {"vocab", "chatbot"},
}

ROOMS = {"chatbot.dialogue", "chatbot.decoding", "chatbot.safety"}
HTTP = {"fastapi", "starlette", "uvicorn", "httpx", "requests", "aiohttp", "http", "urllib"}
HTTP |= {"socket", "socketserver", "wsgiref", "anyio"}
FILES = {"pathlib", "os", "io", "shutil", "tempfile", "glob", "json", "pickle", "sqlite3", "mmap"}
FILES |= {"safetensors", "tomllib", "gzip", "lzma", "torch.serialization"}
TEXT = {"vocab", "chatbot.dialogue", "chatbot.safety", "chatbot.bot", "chatbot.checkpoint"}
TEXT |= {"tokenizers", "opencc", "ahocorasick", "codecs", "unicodedata"}


def parse() -> dict[str, ast.Module]:
    """Module name -> syntax tree, for every module of the four packages."""
    trees = {}
    for package in PACKAGES:
        for path in sorted((ROOT / package).rglob("*.py")):
            parts = path.relative_to(ROOT).with_suffix("").parts
            name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
            trees[name] = ast.parse(path.read_text("utf-8"), str(path))
    return trees


TREES = parse()
IS_PACKAGE = {name for name in TREES if (ROOT / Path(*name.split("."))).is_dir()}


@cache
def imports_of(module: str) -> frozenset[str]:
    """The dotted names that a module imports, also inside functions and by `import_module`."""
    found: set[str] = set()
    for node in ast.walk(TREES[module]):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            found |= set(imported_from(module, node))
        elif isinstance(node, ast.Call) and called_name(node) in {"import_module", "__import__"}:
            found |= {str(a.value) for a in node.args if isinstance(a, ast.Constant)}
    return frozenset(found)


def imported_from(module: str, node: ast.ImportFrom) -> Iterator[str]:
    source = node.module or ""
    if node.level:
        parts = module.split(".")
        parts = parts[: len(parts) - node.level + (module in IS_PACKAGE)]
        source = ".".join([*parts, *([source] if source else [])])
    for alias in node.names:
        inner = f"{source}.{alias.name}"
        yield inner if source.partition(".")[0] not in PACKAGES or inner in TREES else source


def called_name(node: ast.Call) -> str:
    if isinstance(node.func, ast.Attribute):
        return node.func.attr
    return node.func.id if isinstance(node.func, ast.Name) else ""


def within(name: str, roots: Iterable[str]) -> bool:
    """Whether a dotted name is one of the roots or lies under one."""
    return any(name == root or name.startswith(f"{root}.") for root in roots)


def modules_of(root: str) -> list[str]:
    found = [name for name in TREES if within(name, [root])]
    assert found, f"no module under {root}"
    return found


def offences(modules: Iterable[str], forbidden: Iterable[str]) -> list[str]:
    roots = set(forbidden)
    return [f"{m} -> {i}" for m in modules for i in sorted(imports_of(m)) if within(i, roots)]


def test_packages_import_only_what_lies_below_them() -> None:
    found = []
    for package in PACKAGES:
        others = {*PACKAGES, "tests", "benchmarks"} - BELOW[package] - {package}
        found += offences(modules_of(package), others)
    assert found == []


def test_models_and_decoding_never_meet() -> None:
    found = offences(modules_of("chatbot.decoding"), ["chatbot.models"])
    models = [
        name for name in TREES if within(name, ["chatbot.models"])
    ]  # none before there is one
    assert found + offences(models, ["chatbot.decoding"]) == []


def test_decoding_knows_no_text_no_http_and_no_files() -> None:
    # Its kernels must be compiled and found; no data of anybody's is touched there.
    decoding = [m for m in modules_of("chatbot.decoding") if m != "chatbot.decoding.native.build"]
    assert offences(decoding, TEXT | HTTP | FILES) == []
    inside = {"chatbot.decoding", "chatbot.errors"}
    ours = [(m, i) for m in decoding for i in imports_of(m) if within(i, PACKAGES)]
    assert [pair for pair in ours if not within(pair[1], inside)] == []
    calls = {
        (module, called_name(node))
        for module in decoding
        for node in ast.walk(TREES[module])
        if isinstance(node, ast.Call)
    }
    files = {"open", "read_text", "write_text", "from_pretrained", "save_pretrained"}
    assert {call for call in calls if call[1] in files} == set()


def test_only_the_bot_joins_dialogue_decoding_and_safety() -> None:
    assert rooms_of("chatbot.bot") == ROOMS
    joined = {name: rooms_of(name) for name in TREES if name != "chatbot.bot"}
    may_generate = {"chatbot.__main__", "chatbot.proposer", *modules_of("training")}
    assert {
        name: sorted(rooms)
        for name, rooms in joined.items()
        if len(rooms) > 1
        and not (name in may_generate and rooms == {"chatbot.dialogue", "chatbot.decoding"})
    } == {}


def rooms_of(module: str) -> set[str]:
    """The rooms that a module stands in or imports."""
    return {
        room for room in ROOMS for name in {module, *imports_of(module)} if within(name, [room])
    }


def test_decoding_is_entered_through_the_engine() -> None:
    found = {}
    for module in TREES:
        if within(module, ["chatbot.bot", "chatbot.proposer", "chatbot.decoding"]):
            continue  # the proposer puts what the bot knows into the engine's words
        used = {name for name in imports_of(module) if within(name, ["chatbot.decoding"])}
        doors = {"chatbot.decoding.params"}
        if module.partition(".")[0] == "training":  # what is handed to an engine, and its weights
            doors |= {
                f"chatbot.decoding.{name}" for name in ("reading", "request", "ranking", "scoring")
            }
        if "chatbot.decoding.engine" in used and module.partition(".")[0] != "api":
            # The runner is how a model is handed to an engine; alone it would go around it.
            doors |= {"chatbot.decoding.engine", "chatbot.decoding.runner"}
        found[module] = sorted(used - doors)
    assert {module: names for module, names in found.items() if names} == {}


def test_only_the_api_knows_http() -> None:
    below = [name for package in PACKAGES if package != "api" for name in modules_of(package)]
    assert offences(below, ["fastapi", "starlette", "uvicorn"]) == []


def test_every_module_is_named_by_a_noun_of_its_own() -> None:
    empty = {"utils", "common", "helpers", "misc"}
    assert [name for name in TREES if empty & set(name.split("."))] == []
