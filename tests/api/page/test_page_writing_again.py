"""writing.js: what was written can be had again: once more, the former text, the seed, a copy."""

import re
from collections.abc import Callable
from typing import Any

from playwright.sync_api import Page, expect

OpenPage = Callable[..., Page]


def go_on(page: Page, own: str = "") -> None:
    page.fill("#opening", own)
    page.press("#opening", "Enter")


def wait_written(page: Page) -> None:
    expect(page.locator("#manuscript")).to_have_attribute("aria-busy", "false")
    expect(page.locator("#tail")).to_be_visible()


def paragraphs(page: Page) -> list[str]:
    return page.locator("#manuscript p").all_text_contents()


def test_once_more_and_back_to_the_former(open_page: OpenPage, novelist: Any, desk: str) -> None:
    page = open_page(desk)
    go_on(page, "一，")
    wait_written(page)
    go_on(page, "二，")
    wait_written(page)
    novelist.text = "天晴了。"
    page.click("#again")
    expect(page.locator("#manuscript")).to_contain_text("天晴")
    wait_written(page)
    assert novelist.started[2][0] == novelist.started[1][0]
    assert paragraphs(page) == ["一，江上起了雾。", "二，天晴了。"]
    page.click("#retrieve")
    assert paragraphs(page) == ["一，江上起了雾。", "二，江上起了雾。"]
    page.click("#retrieve")
    assert paragraphs(page) == ["一，江上起了雾。", "二，天晴了。"]


def test_a_new_text_leaves_the_old_one_within_reach(
    open_page: OpenPage, novelist: Any, desk: str
) -> None:
    del novelist
    page = open_page(desk)
    expect(page.locator("#fresh")).to_be_hidden()
    go_on(page, "旧，")
    wait_written(page)
    page.click("#fresh")
    expect(page.locator("#blank")).to_be_visible()
    assert page.locator("#book").is_hidden()
    page.reload()
    page.click("#retrieve")
    assert paragraphs(page) == ["旧，江上起了雾。"]


def test_a_new_text_in_the_middle_stops_the_old_one(
    open_page: OpenPage, novelist: Any, desk: str, until_nobody_writes: Callable[[], None]
) -> None:
    novelist.text, novelist.pause = "说来话长，" * 2000, 0.02
    page = open_page(desk)
    go_on(page, "旧，")
    expect(page.locator("#manuscript")).to_contain_text("说来话长")
    page.click("#fresh")
    until_nobody_writes()
    novelist.pause, novelist.text = 0, "新的。"
    go_on(page)
    wait_written(page)
    assert paragraphs(page) == ["新的。"]


def test_the_seed_is_shown_and_can_be_kept(open_page: OpenPage, novelist: Any, desk: str) -> None:
    page = open_page(desk)
    go_on(page)
    wait_written(page)
    page.click("#again")
    wait_written(page)
    first, second = (params.seed for _, params in novelist.started)
    assert first != second
    expect(page.locator("#tally")).to_contain_text(f"种子 {second}")
    page.click("#same-seed")
    expect(page.locator("#seed")).to_have_value(str(second))
    page.click("#again")
    wait_written(page)
    assert novelist.started[2][1].seed == second


def test_the_whole_text_is_copied(open_page: OpenPage, novelist: Any, desk: str) -> None:
    page = open_page(desk)
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    for secure in (True, False):
        if not secure:  # as a page without TLS has it
            page.evaluate("navigator.clipboard.writeText = undefined")
            page.click("#fresh")
        novelist.text = f"雾。\n{secure}。"
        go_on(page, "江上，")
        wait_written(page)
        page.click("#copy")
        expect(page.locator("#write-note")).to_contain_text("复制好了")
        copied = page.evaluate("navigator.clipboard.readText()")
        assert copied.split() == ["江上，雾。", f"{secure}。"]


def test_a_reload_brings_everything_back(open_page: OpenPage, novelist: Any, desk: str) -> None:
    page = open_page(desk)
    go_on(page, "雨夜，")
    wait_written(page)
    page.fill("#opening", "没写完的")
    page.reload()
    expect(page.locator("#manuscript p")).to_have_text(["雨夜，江上起了雾。"])
    expect(page.locator("#opening")).to_have_value("没写完的")
    expect(page.locator("#write")).to_have_text("接着写")
    novelist.text, novelist.pause = "说来话长，" * 200, 0.02
    go_on(page, "灯下，")
    expect(page.locator("#manuscript")).to_contain_text("说来话长")
    page.reload()
    wait_written(page)
    expect(page.locator("#manuscript p").nth(1)).to_have_text(re.compile("^灯下，说来话长"))
