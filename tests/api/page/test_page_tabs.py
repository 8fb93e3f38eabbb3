"""tabs.js: one panel at a time, by pointer, by keyboard and by address."""

from collections.abc import Callable
from itertools import product
from typing import Any

import pytest
from playwright.sync_api import Page, expect

OpenPage = Callable[..., Page]

_PANELS = {"聊天": "#panel-chat", "续写": "#panel-write", "分类": "#panel-classify"}


def tab(page: Page, name: str) -> Any:
    return page.get_by_role("tab", name=name, exact=True)


def shows(page: Page, name: str) -> None:
    """Only this tab is selected, can be reached by the Tab key, and has its panel shown."""
    for other, panel in _PANELS.items():
        chosen = other == name
        one = page.locator("[role=tab]", has_text=other)
        expect(one).to_have_attribute("aria-selected", "true" if chosen else "false")
        expect(one).to_have_attribute("tabindex", "0" if chosen else "-1")
        expect(page.locator(panel)).to_be_visible(visible=chosen)


def test_each_tab_names_its_panel(open_page: OpenPage, headed_url: str) -> None:
    page = open_page(headed_url)
    expect(tab(page, "分类")).to_be_visible()
    assert page.get_by_role("tablist").locator("[role=tab]").count() == 3
    for name, panel in _PANELS.items():
        one = page.locator("[role=tab]", has_text=name)
        assert f"#{one.get_attribute('aria-controls')}" == panel
        assert page.locator(panel).get_attribute("aria-labelledby") == one.get_attribute("id")
        assert page.locator(panel).get_attribute("role") == "tabpanel"


def test_a_click_shows_the_panel_and_the_way_back_leads_back(open_page: OpenPage, url: str) -> None:
    page = open_page(url)
    shows(page, "聊天")
    tab(page, "续写").click()
    shows(page, "续写")
    expect(tab(page, "续写")).to_be_focused()
    assert page.url.endswith("#write")
    page.go_back()
    shows(page, "聊天")


def test_arrow_keys_go_round_and_take_the_focus(open_page: OpenPage, headed_url: str) -> None:
    page = open_page(headed_url)
    expect(tab(page, "分类")).to_be_visible()
    tab(page, "聊天").focus()
    for key, name in [
        ("ArrowRight", "续写"),
        ("ArrowRight", "分类"),
        ("ArrowRight", "聊天"),
        ("ArrowLeft", "分类"),
        ("Home", "聊天"),
        ("End", "分类"),
    ]:
        page.keyboard.press(key)
        shows(page, name)
        expect(tab(page, name)).to_be_focused()


def test_the_address_opens_the_tab(open_page: OpenPage, url: str) -> None:
    page = open_page(f"{url}/#write")
    shows(page, "续写")
    page.reload()
    shows(page, "续写")
    page.goto(f"{url}/#nothing-of-ours")
    shows(page, "聊天")


def test_without_a_head_there_is_no_third_tab(open_page: OpenPage, url: str) -> None:
    page = open_page(url)
    with page.expect_response("**/classify") as answer:
        page.goto(f"{url}/?again#classify")
    assert answer.value.status == 503
    shows(page, "聊天")
    expect(page.locator("#tab-classify")).to_be_hidden()
    tab(page, "聊天").focus()
    page.keyboard.press("End")
    shows(page, "续写")


def test_the_chat_goes_on_behind_another_tab(open_page: OpenPage, url: str, bot: Any) -> None:
    bot.pieces, bot.pause = list("说来话长" * 100), 0.05
    page = open_page(url)
    page.fill("#input", "讲个故事")
    page.press("#input", "Enter")
    expect(page.locator(".bot .text")).to_contain_text("说来")
    page.fill("#input", "下一句的草稿")
    tab(page, "续写").click()
    assert page.locator(".bot[data-state=talking]").count() == 1
    expect(page.locator("#status")).to_have_text("正在说…")
    bot.pause = 0
    expect(page.locator(".bot[data-state=whole] .text")).to_have_text("说来话长" * 100)
    tab(page, "聊天").click()
    expect(page.locator(".bot .text")).to_be_visible()
    expect(page.locator("#input")).to_have_value("下一句的草稿")
    assert bot.num_closed == 0
    assert len(bot.started) == 1


def test_a_tab_keeps_its_place(open_page: OpenPage, url: str, bot: Any) -> None:
    bot.pieces = ["一行\n"] * 60
    page = open_page(url, phone=True)
    page.fill("#input", "慢慢说")
    page.tap("#send")
    expect(page.locator(".bot[data-state=whole]")).to_have_count(1)
    page.evaluate("document.querySelector('#scroller').scrollTop = 40")
    expect(page.locator("#latest")).to_be_visible()
    tab(page, "续写").tap()
    shows(page, "续写")
    tab(page, "聊天").tap()
    expect(page.locator("#latest")).to_be_visible()
    assert page.evaluate("document.querySelector('#scroller').scrollTop") == 40


@pytest.mark.parametrize("width", [320, 360, 1280])
def test_no_tab_sticks_out_at_the_side(open_page: OpenPage, headed_url: str, width: int) -> None:
    page = open_page(headed_url, phone=width < 500)
    page.set_viewport_size({"width": width, "height": 740})
    for place, language in product(("#tab-write", "#tab-classify", "#tab-chat"), ("en", "zh-CN")):
        page.click(place)
        page.click("#language")
        expect(page.locator("html")).to_have_attribute("lang", language)
        over = page.evaluate(
            """() => [document.documentElement, ...document.querySelectorAll(".scroller, .dock, .bar")]
              .map((one) => one.scrollWidth - one.clientWidth)"""
        )
        assert set(over) == {0}, (place, language)
        for part in page.locator(".tabs a, .composer:visible, #how > *").all():
            if part.is_visible():
                expect(part).to_be_in_viewport(ratio=1)
