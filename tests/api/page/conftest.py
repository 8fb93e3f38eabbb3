"""A real Chromium, and the services that its page talks to."""

import os
import re
import shutil
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import cache
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
_NEEDLESS = ("gpu", "background-networking", "component-update", "sync")
_QUIET = ["--no-sandbox", "--no-first-run", *(f"--disable-{name}" for name in _NEEDLESS)]
_BAD = re.compile("Content Security Policy|Uncaught")
_PATIENCE_MS = 20_000
# One place to write at; a reply ends only when it is told to, or its service ends.
_SETTINGS: dict[str, Any] = {"max_writings": 1, "resume_seconds": 300, "drain_seconds": 0}
_SETTINGS["head"] = Path("no-head")
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


# Depends on `serve_live` so that browsers leave before a test's own services end.
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
        page.on("console", lambda line: errors.extend(_BAD.findall(line.text) and [line.text]))
        page.goto(url)
        page.wait_for_selector("#status[data-state=ready]")
        return page

    yield open_at
    for context in contexts:
        context.close()
    assert errors == []


@dataclass(frozen=True)
class Actors:
    """Who acts in the services that the tests of a module share."""

    bot: Any
    novelist: "ScriptedNovelist"
    head: "ScriptedHead"


@pytest.fixture(scope="module")
def actors(scripted_bot: Callable[[], Any]) -> Actors:
    """All three; each test has them as new."""
    return Actors(scripted_bot(), ScriptedNovelist(), ScriptedHead())


@pytest.fixture(scope="module")
def stage(
    serve_on_a_port: Callable[..., Any],
    actors: Actors,
    tiny_checkpoint: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Callable[[bool], str]]:
    """The address of a service with a head, or without, started when it is first asked for."""
    folder = tmp_path_factory.mktemp("stage")
    with ExitStack() as stack:

        @cache
        def start(with_head: bool) -> str:
            data = folder / f"data-{with_head}"
            settings = Settings(checkpoint=tiny_checkpoint, data_dir=data, **_SETTINGS)
            with pytest.MonkeyPatch.context() as casting:
                casting.setattr("api.desk.Novelist.from_folder", lambda _: actors.novelist)
                if with_head:
                    casting.setattr("api.labeller.load_classifier", lambda _: actors.head)
                live = stack.enter_context(serve_on_a_port(settings, lambda _: actors.bot))
                until_free(live.url)
                until(lambda: "Retry-After" not in httpx.get(f"{live.url}/classify").headers)
            return str(live.url)

        yield start


@pytest.fixture
def url(stage: Callable[[bool], str], bot: Any) -> str:
    """A service without a head, answering with the scripted `bot`."""
    del bot
    return stage(False)


@pytest.fixture
def headed_url(stage: Callable[[bool], str], bot: Any, head: "ScriptedHead") -> str:
    """A service with the scripted `head`, too."""
    del bot, head
    return stage(True)


@pytest.fixture
def bot(actors: Actors) -> Any:
    """Who answers, as new in each test."""
    return as_new(actors.bot)


def as_new(actor: Any) -> Any:
    """The actor as it was made; what one test left running is none of the next one's business."""
    actor.__init__()
    return actor


def until_free(url: str) -> None:
    """Wait until the service's novelist is loaded, and nobody is writing."""
    until(lambda: httpx.post(f"{url}/write", json={"prompt": "x"}).status_code == 422)


def until(is_so: Callable[[], bool]) -> None:
    """Wait for something that the service does in its own time."""
    end = time.monotonic() + 3 * _PATIENCE_MS / 1000
    while not is_so():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.02)


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
def visit_at(open_page: Callable[..., Page]) -> Callable[[str], Visit]:
    """Begin a visit to the page of a service."""
    return lambda url: Visit(open_page(url), url)


@pytest.fixture
def visit(visit_at: Callable[[str], Visit], url: str) -> Visit:
    """A visit to the page of the service that has the scripted `bot`."""
    return visit_at(url)


@pytest.fixture
def model_url(serve_live: Callable[..., Any]) -> str:
    """The real service with a tiny model: random characters, but really generated."""
    return str(serve_live().url)


@pytest.fixture
def settings(settings: Settings, tiny_novelist: Path) -> Settings:
    """For services of a test's own: as on the stage, with a tiny novelist."""
    return settings.model_copy(update={**_SETTINGS, "novelist": tiny_novelist})


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
def novelist(actors: Actors) -> Any:
    """Who writes at `desk`, as new in each test."""
    return as_new(actors.novelist)


@pytest.fixture
def desk(url: str, novelist: ScriptedNovelist) -> str:
    """Where the service of `url` shows the tab 续写; nobody is writing yet."""
    del novelist
    until_free(url)
    return f"{url}/#write"


@pytest.fixture
def until_nobody_writes(url: str) -> Callable[[], None]:
    """Wait until the desk is free."""
    return lambda: until_free(url)


@pytest.fixture
def real_desk(serve_live: Callable[..., Any], bot: Any) -> str:
    """The tab 续写 of a service with a tiny novelist."""
    url = str(serve_live(lambda _: bot).url)
    until_free(url)
    return f"{url}/#write"


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
def head(actors: Actors) -> Any:
    """What `headed_url` classifies with, as new in each test."""
    return as_new(actors.head)
