"""POST /admin/reload with real checkpoints, whole and broken, on a real port."""

import shutil
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest
import torch
from fastapi.testclient import TestClient
from pydantic import SecretStr

from api.settings import Settings
from chatbot.checkpoint import load_checkpoint, save_checkpoint

KEY = "a key of sixteen or more"
ADMIN = {"Authorization": f"Bearer {KEY}"}
HELLO: dict[str, Any] = {"message": "你好", "max_new_tokens": 8, "seed": 1}
Until = Callable[[Callable[[], bool]], None]


@pytest.fixture
def folder(tmp_path: Path, tiny_checkpoint: Path) -> Path:
    """A checkpoint folder that the test may change."""
    return Path(shutil.copytree(tiny_checkpoint, tmp_path / "checkpoint"))


@pytest.fixture
def settings(folder: Path, tmp_path: Path) -> Settings:
    """A service with an admin key over that folder."""
    return Settings(checkpoint=folder, data_dir=tmp_path / "data", admin_key=SecretStr(KEY))


def replace_model(folder: Path, name: str, seed: int) -> None:
    """Put another model in the folder's place, as training does."""
    old = load_checkpoint(folder)
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        for parameter in old.model.parameters():
            torch.nn.init.normal_(parameter, std=0.2)
    save_checkpoint(folder, old.model, old.tokenizer, name=name)


def test_the_new_model_answers_and_the_old_one_ends_what_it_began(
    serve_live: Callable[..., Any], stepwise: Any, folder: Path, until: Until
) -> None:
    loads: list[Any] = []

    def load(path: Path) -> Any:
        loads.append(stepwise.load(path) if not loads else type(stepwise)().load(path))
        if len(loads) > 1:
            loads[-1]._worker._engine.runner.run = original_run(loads[-1])
        return loads[-1]

    def original_run(bot: Any) -> Any:
        return type(bot._worker._engine.runner).run.__get__(bot._worker._engine.runner)

    live = serve_live(load)
    with ThreadPoolExecutor(1) as pool:
        begun = pool.submit(httpx.post, f"{live.url}/chat", json=HELLO, timeout=60)
        until(lambda: stepwise.is_waiting)
        replace_model(folder, "newer", seed=2)
        answer = httpx.post(f"{live.url}/admin/reload", headers=ADMIN, timeout=60)
        assert answer.status_code == 200, answer.text
        assert answer.json() == {"model": "newer", "previous": "tiny"}
        assert httpx.post(f"{live.url}/chat", json=HELLO, timeout=60).json()["model"] == "newer"
        assert loads[0].vitals.is_alive, "it was stopped under a reply"
        stepwise.set_free()
        assert begun.result().json()["model"] == "tiny"
    until(lambda: not loads[0].vitals.is_alive)
    assert httpx.get(f"{live.url}/readyz").json()["model"] == "newer"


def truncate(folder: Path) -> None:
    weights = folder / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-100])


def flip_a_byte(folder: Path) -> None:
    weights = folder / "model.safetensors"
    content = bytearray(weights.read_bytes())
    content[-1] ^= 1
    weights.write_bytes(content)


def write_nonsense(folder: Path) -> None:
    (folder / "config.json").write_text("{", "utf-8")
    (folder / "manifest.json").unlink()


def write_not_a_number(folder: Path) -> None:
    old = load_checkpoint(folder)
    old.model.transformer.ln_f.weight.data[:] = float("nan")
    save_checkpoint(folder, old.model, old.tokenizer, name="nan")


@pytest.mark.parametrize(
    "spoil", [shutil.rmtree, truncate, flip_a_byte, write_nonsense, write_not_a_number]
)
def test_a_corrupt_folder_changes_nothing(
    real_client: TestClient, folder: Path, tiny_checkpoint: Path, spoil: Callable[[Path], Any]
) -> None:
    before = real_client.post("/chat", json=HELLO).json()
    spoil(folder)
    for _ in range(2):
        refused = real_client.post("/admin/reload", headers=ADMIN)
        assert refused.status_code == 409, refused.text
        assert refused.json()["title"] == "模型没能换上"
        assert "仍用原来的模型" in refused.json()["detail"]
    after = real_client.post("/chat", json=HELLO).json()
    assert after["reply"] == before["reply"]
    assert real_client.get("/readyz").status_code == 200
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(tiny_checkpoint, folder)
    assert real_client.post("/admin/reload", headers=ADMIN).status_code == 200


def test_only_the_admin_key_opens_it(client: TestClient, bot: Any) -> None:
    for headers in ({}, {"Authorization": "Bearer wrong"}, {"Authorization": KEY}):
        refused = client.post("/admin/reload", headers=headers)
        assert refused.status_code == 401
        assert refused.headers["www-authenticate"] == "Bearer"
    assert bot.num_closed == 0


def test_without_an_admin_key_it_is_closed(
    make_client: Callable[..., TestClient], settings: Settings, bot: Any
) -> None:
    client = make_client(settings.model_copy(update={"admin_key": None}), lambda _: bot)
    refused = client.post("/admin/reload", headers={"Authorization": "Bearer None"})
    assert refused.status_code == 403
    assert "XIANLIAO_ADMIN_KEY" in refused.json()["detail"]
