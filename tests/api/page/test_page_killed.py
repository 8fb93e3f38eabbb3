"""The page when the service is killed in the middle of a reply, and started anew."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import expect

import api

_ROOT = Path(api.__file__).parents[1]
_ACTORS = Path(__file__).parents[1] / "conftest.py"
# `python -m api`, but for who answers.
_SERVICE = """
import importlib.util, json, sys
from chatbot.bot import Bot
_, actors, script = sys.argv[:3]
del sys.argv[1:3]
spec = importlib.util.spec_from_file_location("actors", actors)
sys.modules["actors"] = module = importlib.util.module_from_spec(spec)
spec.loader.exec_module(module)
Bot.from_checkpoint = lambda *_, **__: module.ScriptedBot(**json.loads(script))
from api.__main__ import cli
cli()
"""


class Service:
    """A service as its own process, with one database however often it is started."""

    def __init__(self, folder: Path, checkpoint: Path) -> None:
        self._folder, self._checkpoint = folder, checkpoint
        self._process: subprocess.Popen[str] | None = None
        self._port = "0"

    def start(self, pieces: list[str], pause: float) -> str:
        """Start it where it was before, and return its address once it is ready."""
        script = json.dumps({"pieces": pieces, "pause": pause})
        options = ["--checkpoint", str(self._checkpoint), "--port", self._port]
        self._process = subprocess.Popen(
            [sys.executable, "-c", _SERVICE, str(_ACTORS), script, *options],
            cwd=self._folder,
            env=os.environ
            | {"PYTHONPATH": str(_ROOT), "OMP_NUM_THREADS": "1"}
            | {"XIANLIAO_NOVELIST": "none", "XIANLIAO_HEAD": "none", "XIANLIAO_LOG_LEVEL": "error"},
            stdout=subprocess.PIPE,
            text=True,
            encoding="utf-8",
        )
        assert self._process.stdout is not None
        lines = [self._process.stdout.readline() for _ in range(2)]
        assert lines[1].startswith("闲聊已就绪"), lines
        url = lines[1].split()[1]
        self._port = url.rpartition(":")[2].rstrip("/")
        return url

    def kill(self) -> None:
        """End it at once, as the kernel does that lacks memory."""
        if self._process is not None:
            self._process.kill()
            self._process.communicate()


@pytest.fixture
def service(tmp_path: Path, tiny_checkpoint: Path) -> Iterator[Service]:
    """A service that is not started yet; it is killed at the end."""
    service = Service(tmp_path, tiny_checkpoint)
    yield service
    service.kill()


def test_no_word_is_lost_when_the_service_is_killed_in_mid_reply(
    service: Service, visit_at: Callable[[str], Any]
) -> None:
    visit = visit_at(service.start(["它", "真"] * 500, pause=0.1))
    page = visit.page
    before = {"turns": [{"user": "我养了一只猫", "bot": "好呀。"}]}
    stored = page.request.post(f"{visit.url}/sessions/import", data=before).json()
    page.goto(f"{visit.url}/#/c/{stored['session_id']}")
    visit.until_whole(1)
    visit.say("它叫年糕")
    expect(page.locator(".bot[data-state=talking] .text")).to_contain_text("它真")
    page.fill("#input", "没写完的")
    service.kill()
    service.start(["记住了。"], pause=0)
    broken = page.locator(".bot[data-state=broken]")
    expect(broken.locator(".remark.alarming")).to_contain_text("断了")
    expect(broken.locator(".text")).to_contain_text("它真")
    expect(broken.locator(".way")).to_have_text(["重试", "改一改"])
    expect(page.locator("#input")).to_have_value("没写完的")
    broken.get_by_role("button", name="重试").click()
    visit.until_whole(2)
    assert visit.spoken == ["我养了一只猫", "好呀。", "它叫年糕", "记住了。"]
    assert [turn["user"] for turn in visit.stored] == ["我养了一只猫", "它叫年糕"]
    expect(page.locator("#input")).to_have_value("没写完的")
