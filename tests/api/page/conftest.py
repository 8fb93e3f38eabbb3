"""A real Chromium, and the services that its page talks to."""

import os
import shutil
from collections.abc import Callable, Iterator
from typing import Any, cast

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

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


@pytest.fixture
def model_url(serve_live: Callable[..., Any]) -> str:
    """The real service with a tiny model: random characters, but really generated."""
    return str(serve_live().url)
