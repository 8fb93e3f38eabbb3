"""writing.js when something goes wrong: it says what to do, and no character is lost."""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, Route, expect

from api.settings import Settings
from chatbot.errors import GenerationFailed

OpenPage = Callable[..., Page]

# Every text of the button from the first countdown on, whether it is closed then, and what is left
# in the box once somebody has pressed Enter in it.
_WATCH_BUTTON = """() => {
  window.seen = [];
  const [button, input] = ["write", "opening"].map((id) => document.getElementById(id));
  const look = () => {
    const text = button.textContent.trim();
    const isCounting = text.endsWith("秒") || window.seen.length > 0;
    if (!isCounting || window.seen.at(-1)?.[0] === text) return;
    if (button.disabled) {
      const init = { key: "Enter", keyCode: 13, bubbles: true, cancelable: true };
      input.dispatchEvent(new KeyboardEvent("keydown", init));
    }
    window.seen.push([text, button.disabled, input.value]);
  };
  const what = { subtree: true, childList: true, characterData: true, attributes: true };
  new MutationObserver(look).observe(button, what);
}"""
_MARKUP = '<img src=x onerror="window.broken=1"><b>粗</b>&lt;'


def answer_with(route: Route, body: str) -> None:
    route.fulfill(body=body, content_type="text/event-stream")


def go_on(page: Page, own: str = "") -> None:
    page.fill("#opening", own)
    page.press("#opening", "Enter")


def wait_written(page: Page) -> None:
    expect(page.locator("#tail")).to_be_visible()


def note(page: Page) -> Any:
    return page.locator("#write-note.alarming")


def test_unknown_characters_are_named_and_the_sentence_comes_back(
    open_page: OpenPage, real_desk: str
) -> None:
    page = open_page(real_desk)
    go_on(page, "江上有龘和靐，")
    expect(note(page)).to_contain_text("有 龘 和 靐")
    expect(note(page)).to_contain_text("请换成小说里出现过的字")
    assert "prompt" not in (note(page).text_content() or "")
    expect(page.locator("#announcer")).to_contain_text("龘")
    expect(page.locator("#opening")).to_have_value("江上有龘和靐，")
    expect(page.locator("#opening")).to_be_focused()
    expect(page.locator("#blank")).to_be_visible()
    go_on(page, "江上起了雾，")
    wait_written(page)
    expect(page.locator(".own")).to_have_text("江上起了雾，")
    expect(note(page)).to_have_count(0)


def test_a_refused_sentence_leaves_the_text_as_it_was(
    open_page: OpenPage, novelist: Any, desk: str
) -> None:
    page = open_page(desk)
    go_on(page, "雨夜，")
    wait_written(page)
    go_on(page, "x")
    expect(note(page)).to_contain_text("不认得这些字：x")
    expect(page.locator("#manuscript p")).to_have_text(["雨夜，江上起了雾。"])
    page.context.set_offline(True)
    page.click("#again")
    expect(note(page)).to_contain_text("连不上")
    expect(page.locator("#manuscript p")).to_have_text(["雨夜，江上起了雾。"])
    expect(page.locator("#opening")).to_have_value("x")
    page.context.set_offline(False)
    novelist.text = "天晴了。"
    page.click("#again")
    expect(page.locator("#manuscript p")).to_have_text(["雨夜，天晴了。"])


def test_when_others_write_it_counts_down_and_then_goes_on(
    open_page: OpenPage,
    novelist: Any,
    desk: str,
    monkeypatch: pytest.MonkeyPatch,
    until_nobody_writes: Callable[[], None],
) -> None:
    monkeypatch.setattr("api.desk._RETRY_SECONDS", "2")
    novelist.text, novelist.pause = "说来话长，" * 2000, 0.02
    other = open_page(desk)
    go_on(other)
    expect(other.locator("#manuscript")).to_contain_text("说")
    page = open_page(desk)
    page.evaluate(_WATCH_BUTTON)
    go_on(page, "雨夜，")
    expect(page.locator("#announcer")).to_have_text("现在可以再试了。")
    seen = page.evaluate("window.seen")
    assert [(text, closed, left) for text, closed, left in seen] == [
        ("2 秒", True, "雨夜，"),
        ("1 秒", True, "雨夜，"),
        ("续写", False, "雨夜，"),
    ]
    other.click("#write")
    until_nobody_writes()
    novelist.text, novelist.pause = "天亮了。", 0
    page.click("#write")
    expect(page.locator("#manuscript p")).to_have_text(["雨夜，天亮了。"])


def test_a_failure_in_the_middle_keeps_what_is_written(
    open_page: OpenPage, novelist: Any, desk: str
) -> None:
    novelist.failure = GenerationFailed("没能写完；请重试")
    page = open_page(desk)
    go_on(page, "雨夜，")
    expect(note(page)).to_contain_text("字都在")
    kept = page.locator("#manuscript").text_content() or ""
    assert kept.startswith("雨夜，江上")
    novelist.failure, novelist.text = None, "天亮了。"
    go_on(page)
    wait_written(page)
    assert page.locator("#manuscript").text_content() == f"{kept}天亮了。"


def test_a_stream_that_breaks_off(open_page: OpenPage, desk: str) -> None:
    page = open_page(desk)
    for ending in ("", 'event: delta\ndata: {"te', "data: {}\n\n"):
        body = 'event: delta\ndata: {"text":"话说"}\n\n' + ending
        page.route("**/write", partial(answer_with, body=body))
        go_on(page, "雨夜，")
        expect(note(page)).to_contain_text("连接断了")
        expect(page.locator("#manuscript p")).to_have_text(["雨夜，话说"])
        page.unroute("**/write")
        go_on(page)
        expect(page.locator("#manuscript p")).to_have_text(["雨夜，话说江上起了雾。"])
        wait_written(page)
        page.click("#fresh")


def test_text_that_may_not_leave_ends_with_a_word_why(open_page: OpenPage, desk: str) -> None:
    page = open_page(desk)
    answer = '{"text":"他笑","finish_reason":"filtered","usage":{},"model":"m","seed":1}'
    body = f'event: delta\ndata: {{"text":"他笑"}}\n\nevent: done\ndata: {answer}\n\n'
    page.route("**/write", lambda route: route.fulfill(body=body, content_type="text/event-stream"))
    go_on(page)
    wait_written(page)
    expect(page.locator("#write-note")).to_contain_text("停在这儿")
    expect(page.locator("#manuscript p")).to_have_text(["他笑"])


def test_without_a_novelist_it_says_so(
    open_page: OpenPage, settings: Settings, tmp_path: Path, serve_live: Any, bot: Any
) -> None:
    object.__setattr__(settings, "novelist", tmp_path / "none")
    page = open_page(f"{serve_live(lambda _: bot).url}/#write")
    go_on(page, "雨夜，")
    expect(note(page)).to_contain_text("没有可用的续写模型")
    expect(page.locator("#opening")).to_have_value("雨夜，")


def test_what_another_version_stored_is_no_trouble(open_page: OpenPage, desk: str) -> None:
    page = open_page(desk)
    for stored in ("{", "null", "7", '{"pieces": 3}'):
        page.evaluate("(stored) => localStorage.setItem('xianliao.writing', stored)", stored)
        page.reload()
        expect(page.locator("#blank")).to_be_visible()
        go_on(page, "雨夜，")
        expect(page.locator("#manuscript p")).to_have_text(["雨夜，江上起了雾。"])
        wait_written(page)


def test_markup_stays_text(open_page: OpenPage, novelist: Any, desk: str) -> None:
    novelist.text = _MARKUP
    page = open_page(desk)
    page.fill("#opening", "<i>斜</i>")
    page.click("#write")
    wait_written(page)
    for _ in range(2):  # as it comes, and as it is restored
        expect(page.locator("#manuscript")).to_have_text("<i>斜</i>" + _MARKUP)
        assert page.locator("#manuscript :is(img, b, i)").count() == 0
        assert page.evaluate("window.broken") is None
        page.reload()
