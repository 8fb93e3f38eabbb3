"""A real Chromium, and the services that its page talks to."""

import os
import shutil
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import httpx
import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from api.settings import Settings
from chatbot.classifier import Prediction
from chatbot.errors import InvalidPrompt
from chatbot.writing import WritingParams

_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
_QUIET = [
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
_PATIENCE_MS = 20_000
_PHONE = {"viewport": {"width": 360, "height": 740}, "has_touch": True, "is_mobile": True}


# Not wider than a module: while Playwright's synchronous interface is open, no other test of
# this process can run an event loop of its own.
@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """The system's Chromium. Under CI=true it has to be there."""
    path = next(filter(None, map(shutil.which, _NAMES)), None)
    if path is None:
        if os.environ.get("CI") == "true":
            pytest.fail("no Chromium is installed; under CI=true the chat page has to be tested")
        pytest.skip("no Chromium is installed (apt-get install chromium)")
    expect.set_options(timeout=_PATIENCE_MS)
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=path, args=_QUIET)
        yield chromium
        chromium.close()


# Depends on `serve_live` so that browsers leave before the services end.
@pytest.fixture
def open_page(browser: Browser, serve_live: Any) -> Iterator[Callable[..., Page]]:
    """Open an address in a browser profile of its own; a script error fails the test."""
    del serve_live
    errors: list[str] = []
    contexts = []

    def open_at(url: str, *, phone: bool = False) -> Page:
        context = browser.new_context(locale="zh-CN", **cast(Any, _PHONE if phone else {}))
        context.set_default_timeout(_PATIENCE_MS)
        contexts.append(context)
        page = context.new_page()
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.on("console", lambda line: errors.append(line.text) if _is_bad(line.text) else None)
        page.goto(url)
        page.wait_for_selector("#status[data-state=ready]")
        return page

    yield open_at
    for context in contexts:
        context.close()
    assert errors == []


def _is_bad(console_line: str) -> bool:
    return "Content Security Policy" in console_line or "Uncaught" in console_line


@pytest.fixture
def url(serve_live: Callable[..., Any], bot: Any) -> str:
    """The real service on a real port, answering with the scripted `bot`."""
    return str(serve_live(lambda _: bot).url)


@dataclass(frozen=True)
class Visit:
    """Somebody at the page of `url`."""

    page: Page
    url: str

    def say(self, text: str) -> None:
        self.page.fill("#input", text)
        self.page.press("#input", "Enter")

    def talk(self, *texts: str) -> None:
        """Say one after the other, each after the reply to the one before."""
        for text in texts:
            turns = self.page.locator(".bot[data-state=whole]").count()
            self.say(text)
            self.until_whole(turns + 1)

    def until_whole(self, turns: int) -> None:
        """Wait until so many turns stand there, and nothing is going on."""
        expect(self.page.locator(".bot[data-state=whole]")).to_have_count(turns)
        expect(self.page.locator("#status")).to_have_attribute("data-state", "ready")

    def reload(self) -> None:
        self.page.reload()
        self.page.wait_for_selector("#status[data-state=ready]")

    @property
    def spoken(self) -> list[str]:
        return self.page.locator(".message .text").all_text_contents()

    @property
    def session_id(self) -> str:
        return str(self.page.evaluate("localStorage.getItem('xianliao.session')"))

    @property
    def stored(self) -> list[Any]:
        """The turns of the conversation, as its owner's browser gets them."""
        answer = self.page.request.get(f"{self.url}/sessions/{self.session_id}").json()
        return cast(list[Any], answer["turns"])


@pytest.fixture
def visit(open_page: Callable[..., Page], url: str) -> Visit:
    """A visit to the page of the service that has the scripted `bot`."""
    return Visit(open_page(url), url)


@pytest.fixture
def model_url(serve_live: Callable[..., Any]) -> str:
    """The real service with a tiny model: random characters, but really generated."""
    return str(serve_live().url)


@pytest.fixture
def settings(settings: Settings, tmp_path: Path, tiny_novelist: Path) -> Settings:
    """One place to write at, a tiny novelist, no head; a reply ends only when it is told to."""
    changes: dict[str, Any] = {"novelist": tiny_novelist, "max_writings": 1}
    changes |= {"head": tmp_path / "no-head", "resume_seconds": 300}
    return settings.model_copy(update=changes)


@dataclass
class ScriptedNovelist:
    """Writes what the test wrote, as slowly as the test wants; reads no letter `x`."""

    text: str = "江上起了雾。"
    pause: float = 0.0  # seconds before each character
    failure: Exception | None = None  # raised after the text
    name: str = "scripted"
    defaults: WritingParams = field(default_factory=WritingParams)
    started: list[tuple[str, WritingParams]] = field(default_factory=list)
    num_written: int = 0

    def write(self, prompt: str, params: WritingParams) -> Iterator[str]:
        if "x" in prompt:
            raise InvalidPrompt("不认得这些字：x；请换成小说里出现过的字，标点用全角")
        self.started.append((prompt, params))
        return self._write()

    def _write(self) -> Iterator[str]:
        for character in self.text:
            time.sleep(self.pause)
            self.num_written += 1
            yield character
        if self.failure is not None:
            raise self.failure


@pytest.fixture
def novelist(monkeypatch: pytest.MonkeyPatch) -> ScriptedNovelist:
    """The novelist of services that start after it; ask for it before `desk`."""
    scripted = ScriptedNovelist()
    monkeypatch.setattr("api.desk.Novelist.from_folder", lambda _: scripted)
    return scripted


@pytest.fixture
def desk(url: str) -> str:
    """Where the service of `url` shows the tab 续写, once its novelist is loaded."""
    for _ in range(1000):
        if httpx.post(f"{url}/write", json={"prompt": "x"}).status_code == 422:
            return f"{url}/#write"
        time.sleep(0.02)
    raise AssertionError("the novelist was not loaded in time")


@dataclass
class ScriptedHead:
    """Finds in every text the shares that the test wrote."""

    shares: dict[str, float] = field(default_factory=lambda: {"寻常": 0.125, "高兴": 0.875})
    name: str = "心情"
    failure: Exception | None = None

    @property
    def labels(self) -> tuple[str, ...]:
        return tuple(self.shares)

    def classify(self, texts: Sequence[str]) -> list[Prediction]:
        if self.failure is not None:
            raise self.failure
        label = max(self.shares, key=self.shares.__getitem__)
        return [Prediction(label, self.shares[label], self.shares) for _ in texts]


@pytest.fixture
def head(monkeypatch: pytest.MonkeyPatch) -> ScriptedHead:
    """The head of services that start after it; ask for it before `url`."""
    scripted = ScriptedHead()
    monkeypatch.setattr("api.labeller.load_classifier", lambda _: scripted)
    return scripted
