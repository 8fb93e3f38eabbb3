"""writing.js: a first sentence, what follows it, once more, on, and back after a reload."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

import chatbot
from chatbot.novelist import Novelist
from chatbot.writing import WritingParams

OpenPage = Callable[..., Page]

_SHIPPED = Path(chatbot.__file__).parent / "checkpoints" / "novelist"


def go_on(page: Page, own: str = "") -> None:
    page.fill("#opening", own)
    page.press("#opening", "Enter")


def wait_written(page: Page) -> None:
    expect(page.locator("#manuscript")).to_have_attribute("aria-busy", "false")
    expect(page.locator("#tail")).to_be_visible()


def paragraphs(page: Page) -> list[str]:
    return page.locator("#manuscript p").all_text_contents()


def test_a_real_novelist_writes_what_the_seed_says(
    open_page: OpenPage, real_desk: str, tiny_novelist: Path
) -> None:
    page = open_page(real_desk)
    page.select_option("#length", label="写几句")
    page.select_option("#temperature", label="放开写")
    page.fill("#seed", "7")
    go_on(page, "江上起了雾，")
    wait_written(page)
    params = WritingParams(max_new_chars=100, temperature=1, seed=7)
    text = "江上起了雾，" + "".join(
        Novelist.from_folder(tiny_novelist).write("江上起了雾，", params)
    )
    expected = [line.lstrip() for line in text.split("\n")]
    assert paragraphs(page) == [line for line in expected if line]
    assert page.locator(".own").all_text_contents() == ["江上起了雾，"]
    expect(page.locator("#tally")).to_contain_text("共 106 字")


def test_the_shipped_novelist_can_read_the_openings(open_page: OpenPage, desk: str) -> None:
    if not _SHIPPED.is_dir():
        pytest.skip("no novelist is shipped")
    vocab = Novelist.from_folder(_SHIPPED).vocab
    openings = open_page(desk).locator("#blank .starters button").all_text_contents()
    assert len(openings) == 4
    for opening in openings:
        vocab.encode(opening)


def test_an_opening_grows_into_a_page(open_page: OpenPage, novelist: Any, desk: str) -> None:
    novelist.text, novelist.pause = "雾散了。\n　　第二回　夜话\n\n他道：", 1
    page = open_page(desk)
    expect(page.locator("#blank")).to_be_visible()
    expect(page.locator("#write")).to_have_text("续写")
    page.click("#blank .starters button >> nth=1")
    expect(page.locator("#write")).to_have_text("停下")
    expect(page.locator("#manuscript")).to_have_attribute("aria-busy", "true")
    novelist.pause = 0
    wait_written(page)
    opening = novelist.started[0][0]
    assert paragraphs(page) == [f"{opening}雾散了。", "第二回　夜话", "他道："]
    assert page.locator("#manuscript .title").all_text_contents() == ["第二回　夜话"]
    expect(page.locator("#blank")).to_be_hidden()
    expect(page.locator("#write")).to_have_text("接着写")


def test_it_is_set_as_a_book(open_page: OpenPage, novelist: Any, desk: str) -> None:
    novelist.text = "雾" * 300
    page = open_page(desk)
    go_on(page, "江")
    wait_written(page)
    width, size, height, indent = page.evaluate(
        """() => {
          const style = getComputedStyle(document.querySelector("#manuscript p"));
          return [style.width, style.fontSize, style.lineHeight, style.textIndent].map(parseFloat);
        }"""
    )
    assert 32 <= width / size <= 36
    assert height / size >= 1.8
    assert indent == pytest.approx(2 * size)


def test_going_on_reads_all_that_was_written(open_page: OpenPage, novelist: Any, desk: str) -> None:
    page = open_page(desk)
    go_on(page, "雨夜，")
    wait_written(page)
    go_on(page)
    wait_written(page)
    novelist.text = "亮了。"
    go_on(page, "灯")
    wait_written(page)
    read = [prompt for prompt, _ in novelist.started]
    first = "雨夜，江上起了雾。"
    assert read == ["雨夜，", first, f"{first}江上起了雾。\n灯"]
    assert paragraphs(page) == [f"{first}江上起了雾。", "灯亮了。"]
    assert page.locator(".own").all_text_contents() == ["雨夜，", "灯"]


def test_a_long_text_is_read_from_its_end(open_page: OpenPage, novelist: Any, desk: str) -> None:
    page = open_page(desk)
    go_on(page, "远" * 1900 + "近" * 500)
    wait_written(page)
    assert novelist.started[0][0] == "近" * 500


def test_stop_keeps_what_is_written_and_stops_the_service(
    open_page: OpenPage, novelist: Any, desk: str, until_nobody_writes: Callable[[], None]
) -> None:
    novelist.text, novelist.pause = "说来话长，" * 2000, 0.02
    page = open_page(desk)
    go_on(page, "从前，")
    expect(page.locator("#manuscript")).to_contain_text("说来话长")
    page.click("#write")
    wait_written(page)
    text = paragraphs(page)[0]
    assert text.startswith("从前，说来话长")
    until_nobody_writes()
    assert novelist.num_written < len(novelist.text)
    assert paragraphs(page) == [text]
    novelist.pause, novelist.text = 0, "完。"
    go_on(page)
    wait_written(page)
    assert paragraphs(page) == [f"{text}完。"]


def test_escape_stops_too(open_page: OpenPage, novelist: Any, desk: str) -> None:
    novelist.text, novelist.pause = "说来话长，" * 200, 0.02
    page = open_page(desk)
    go_on(page)
    expect(page.locator("#manuscript")).to_contain_text("说")
    expect(page.locator("#opening")).to_be_focused()
    page.keyboard.press("Escape")
    wait_written(page)


def test_it_is_announced_once_and_not_character_by_character(
    open_page: OpenPage, novelist: Any, desk: str
) -> None:
    novelist.pause = 0.02
    page = open_page(desk)
    page.evaluate(
        """() => {
          window.aloud = [];
          const announcer = document.querySelector("#announcer");
          const hear = () => window.aloud.push(announcer.textContent);
          new MutationObserver(hear).observe(announcer, { childList: true, subtree: true });
        }"""
    )
    go_on(page)
    wait_written(page)
    assert page.evaluate("window.aloud") == ["写好了，新写了 6 个字。"]
    assert page.locator("#book [aria-live], #book[aria-live]").count() == 0


def test_the_chat_and_the_writing_do_not_disturb_each_other(
    open_page: OpenPage, novelist: Any, desk: str, bot: Any
) -> None:
    novelist.pause, bot.pause = 0.1, 0.2
    page = open_page(desk)
    page.click("#tab-chat")
    page.fill("#input", "你好")
    page.press("#input", "Enter")
    page.click("#tab-write")
    go_on(page, "雨夜，")
    page.click("#tab-chat")
    expect(page.locator(".bot[data-state=whole] .text")).to_have_text("好呀。")
    page.click("#tab-write")
    wait_written(page)
    assert paragraphs(page) == ["雨夜，江上起了雾。"]


def test_on_a_phone_the_end_is_followed(open_page: OpenPage, novelist: Any, desk: str) -> None:
    novelist.text, novelist.pause = "一行字\n" * 60, 0.005
    page = open_page(desk, phone=True)
    page.tap("#write")
    wait_written(page)
    expect(page.locator("#again")).to_be_in_viewport(ratio=1)
    expect(page.locator("#write")).to_be_in_viewport(ratio=1)
