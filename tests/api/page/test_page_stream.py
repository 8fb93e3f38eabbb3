"""stream.js: bytes cut anywhere become the same events."""

import json
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page

import api

_PAGE = Path(api.__file__).parent / "page"

# Reads `bytes`, cut at `cuts`, through the page's own module.
_READ = """async ([bytes, cuts]) => {
  const { readEvents } = await import("/page/stream.js");
  const whole = new Uint8Array(bytes);
  const edges = [0, ...cuts, whole.length];
  const body = new ReadableStream({
    start(controller) {
      for (let i = 1; i < edges.length; i += 1) {
        controller.enqueue(whole.slice(edges[i - 1], edges[i]));
      }
      controller.close();
    },
  });
  const events = [];
  for await (const event of readEvents(body)) events.push([event.name, event.data]);
  return events;
}"""

# Cuts at every place, one read for each, and returns the answers that differ.
_READ_EVERYWHERE = """async ([bytes, expected]) => {
  const read = READ;
  const wrong = [];
  for (let cut = 1; cut < bytes.length; cut += 1) {
    const events = await read([bytes, [cut]]);
    if (JSON.stringify(events) !== expected) wrong.push([cut, events]);
  }
  return wrong;
}""".replace("READ", _READ)

_EVENTS = [["delta", '{"text":"小闲👋🏽é"}'], ["done", '{"reply":"树"}']]


def framed(newline: str) -> bytes:
    lines = [f"event: {name}{newline}data: {data}{newline}{newline}" for name, data in _EVENTS]
    return "".join([f": 心跳{newline}{newline}", *lines]).encode()


@pytest.fixture(scope="module")
def page(browser: Browser) -> Page:
    """An empty document of an origin that has the page's modules."""
    page = browser.new_page()
    page.route("http://page.test/", lambda route: route.fulfill(content_type="text/html"))
    page.route(
        "http://page.test/page/*",
        lambda route: route.fulfill(path=_PAGE / route.request.url.rpartition("/")[2]),
    )
    page.goto("http://page.test/")
    return page


@pytest.mark.parametrize("newline", ["\n", "\r\n"], ids=["LF", "CRLF"])
def test_a_cut_at_every_byte(page: Page, newline: str) -> None:
    expected = json.dumps(_EVENTS, ensure_ascii=False, separators=(",", ":"))
    assert page.evaluate(_READ_EVERYWHERE, [list(framed(newline)), expected]) == []


@pytest.mark.parametrize("newline", ["\n", "\r\n"], ids=["LF", "CRLF"])
def test_every_byte_alone(page: Page, newline: str) -> None:
    whole = framed(newline)
    cuts = list(range(1, len(whole)))
    assert page.evaluate(_READ, [list(whole), cuts]) == _EVENTS


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("data:a\n\n", [["message", "a"]]),
        ("data:  a\n\n", [["message", " a"]]),
        ("data: a:b\n\n", [["message", "a:b"]]),
        ("data: a\ndata: b\n\n", [["message", "a\nb"]]),
        ("data\n\n", [["message", ""]]),
        ("event: delta\n\ndata: a\n\n", [["message", "a"]]),
        ("id: 3\nretry: 9\nunknown: x\ndata: a\n\n", [["message", "a"]]),
        ("\ufeffdata: a\n\n", [["message", "a"]]),
        ("data: a\n\ndata: unfinished\n", [["message", "a"]]),
        ("", []),
    ],
)
def test_fields_and_frames(page: Page, text: str, expected: list[list[str]]) -> None:
    assert page.evaluate(_READ, [list(text.encode()), []]) == expected
