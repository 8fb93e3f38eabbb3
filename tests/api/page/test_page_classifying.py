"""classifying.js: what the head is, what it finds, and what happens when it cannot."""

from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Page, expect

OpenPage = Callable[..., Page]


@pytest.fixture
def page(open_page: OpenPage, headed_url: str) -> Page:
    return open_page(f"{headed_url}/#classify")


def ask(page: Page, text: str) -> None:
    page.fill("#sample", text)
    page.press("#sample", "Enter")


def test_it_says_what_the_head_is(page: Page) -> None:
    expect(page.locator("#panel-classify")).to_be_visible()
    expect(page.locator("#head")).to_have_text("装着的是 心情，会分 2 类：寻常、高兴。")


def test_a_text_gets_its_bars_the_likeliest_first(page: Page) -> None:
    ask(page, "今天真好")
    verdict = page.locator("#verdicts li")
    expect(verdict.locator(".quote")).to_have_text("今天真好")
    expect(verdict.locator("dt")).to_have_text(["高兴", "寻常"])
    expect(verdict.locator("dd")).to_have_text(["87.5%", "12.5%"])
    filled = "(bars) => bars.map((bar) => getComputedStyle(bar, '::before').backgroundSize)"
    assert verdict.locator("dd").evaluate_all(filled) == ["87.5%", "12.5%"]
    expect(page.locator("#announcer")).to_have_text("高兴，87.5%")
    expect(page.locator("#sample")).to_have_value("")
    ask(page, "第二句")
    expect(page.locator("#verdicts .quote")).to_have_text(["第二句", "今天真好"])


def test_many_labels_are_cut_short(open_page: OpenPage, head: Any, headed_url: str) -> None:
    head.shares = {f"类{number}": number / 780 for number in range(40)}
    page = open_page(f"{headed_url}/#classify")
    expect(page.locator("#head")).to_contain_text("会分 40 类：类0、类1、")
    ask(page, "今天真好")
    expect(page.locator("dt")).to_have_text([f"类{number}" for number in range(39, 31, -1)])


def test_a_fault_gives_the_text_back(page: Page, head: Any) -> None:
    head.failure = RuntimeError("broken")
    with page.expect_response("**/classify") as answer:
        ask(page, "别丢了我")
    expect(page.locator("#classify-note.alarming")).to_have_text(answer.value.json()["detail"])
    expect(page.locator("#sample")).to_have_value("别丢了我")
    head.failure = None
    page.press("#sample", "Enter")
    expect(page.locator("#verdicts .quote")).to_have_text("别丢了我")
    expect(page.locator("#classify-note.alarming")).to_have_count(0)


def test_a_draft_survives_a_reload(page: Page) -> None:
    page.fill("#sample", "没写完")
    page.reload()
    expect(page.locator("#sample")).to_have_value("没写完")


def test_markup_stays_text(open_page: OpenPage, head: Any, headed_url: str) -> None:
    head.shares = {"<b>粗</b>": 0.9, "<img src=x onerror='window.broken=1'>": 0.1}
    page = open_page(f"{headed_url}/#classify")
    ask(page, "<i>斜</i>")
    expect(page.locator("dt")).to_have_text(list(head.shares))
    assert page.locator("#panel-classify :is(img, b, i)").count() == 0
    assert page.evaluate("window.broken") is None


def test_a_head_that_still_loads_is_waited_for(open_page: OpenPage, headed_url: str) -> None:
    page = open_page(headed_url)
    waiting = {"status": 503, "headers": {"Retry-After": "1"}, "json": {"detail": "正在加载"}}
    page.route("**/classify", lambda route: route.fulfill(**waiting))
    page.reload()
    expect(page.locator("#status")).to_have_text("在呢")
    expect(page.locator("#tab-classify")).to_be_hidden()
    page.unroute("**/classify")
    expect(page.locator("#tab-classify")).to_be_visible()
