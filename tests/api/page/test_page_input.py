"""composer.js: Enter, input methods, touch, and the limit."""

from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import CDPSession, Page, expect

OpenPage = Callable[..., Page]

_ENTER = """([keyCode, isComposing]) => {
  const init = { key: "Enter", code: "Enter", keyCode, isComposing, bubbles: true,
    cancelable: true };
  document.querySelector("#input").dispatchEvent(new KeyboardEvent("keydown", init));
}"""


@pytest.fixture
def page(open_page: OpenPage, url: str) -> Page:
    page = open_page(url)
    page.focus("#input")
    return page


def press(client: CDPSession, key_code: int) -> None:
    for kind in ("rawKeyDown", "keyUp"):
        client.send(
            "Input.dispatchKeyEvent",
            {"type": kind, "key": "Enter", "code": "Enter", "windowsVirtualKeyCode": key_code},
        )


def compose(client: CDPSession, text: str) -> None:
    client.send(
        "Input.imeSetComposition",
        {"text": text, "selectionStart": len(text), "selectionEnd": len(text)},
    )


def nothing_was_sent(page: Page, bot: Any, text: str) -> None:
    page.wait_for_timeout(150)
    expect(page.locator("#input")).to_have_value(text)
    expect(page.locator(".message")).to_have_count(0)
    assert bot.started == []


def test_chrome_keydown_then_compositionend(page: Page, bot: Any) -> None:
    client = page.context.new_cdp_session(page)
    compose(client, "nihao")
    press(client, 229)
    client.send("Input.insertText", {"text": "你好"})
    nothing_was_sent(page, bot, "你好")
    press(client, 13)
    expect(page.locator(".user .text")).to_have_text("你好")


def test_safari_compositionend_then_keydown(page: Page, bot: Any) -> None:
    client = page.context.new_cdp_session(page)
    compose(client, "ok")
    client.send("Input.insertText", {"text": "ok"})
    page.wait_for_timeout(150)  # so that only the keyCode tells
    page.evaluate(_ENTER, [229, False])
    nothing_was_sent(page, bot, "ok")


def test_the_moment_after_compositionend(page: Page, bot: Any) -> None:
    page.fill("#input", "你好")
    ended = 'new CompositionEvent("compositionend")'
    page.evaluate(
        f"""() => {{
          document.querySelector("#input").dispatchEvent({ended});
          ({_ENTER})([13, false]);
        }}"""
    )
    nothing_was_sent(page, bot, "你好")
    page.press("#input", "Enter")
    expect(page.locator(".user .text")).to_have_text("你好")


def test_firefox_keydown_while_composing(page: Page, bot: Any) -> None:
    page.fill("#input", "nihao")
    for key_code in (13, 229):
        page.evaluate(_ENTER, [key_code, True])
        nothing_was_sent(page, bot, "nihao")


def test_shift_enter_breaks_the_line(page: Page, bot: Any) -> None:
    page.keyboard.type("一")
    page.keyboard.press("Shift+Enter")
    page.keyboard.type("二")
    nothing_was_sent(page, bot, "一\n二")
    page.keyboard.press("Enter")
    expect(page.locator(".user .text")).to_have_text("一\n二")
    expect(page.locator("#input")).to_have_value("")


def test_on_a_phone_enter_breaks_the_line_and_the_button_sends(
    open_page: OpenPage, url: str, bot: Any
) -> None:
    page = open_page(url, phone=True)
    page.tap("#input")
    page.keyboard.type("一")
    page.keyboard.press("Enter")
    page.keyboard.type("二")
    nothing_was_sent(page, bot, "一\n二")
    page.tap("#send")
    expect(page.locator(".user .text")).to_have_text("一\n二")
    expect(page.locator("#input")).to_be_focused()


def test_blank_text_is_not_sent(page: Page, bot: Any) -> None:
    for blank in ("", "   ", "\n\n"):
        page.fill("#input", blank)
        page.press("#input", "Enter")
        expect(page.locator("#send")).to_be_disabled()
        nothing_was_sent(page, bot, blank)


def test_enter_while_a_reply_is_written_keeps_the_text(page: Page, bot: Any) -> None:
    bot.pause = 60
    page.fill("#input", "一")
    page.press("#input", "Enter")
    expect(page.locator(".bot[data-state=waiting]")).to_have_count(1)
    page.fill("#input", "二")
    page.press("#input", "Enter")
    expect(page.locator("#input")).to_have_value("二")
    page.press("#input", "Escape")
    expect(page.locator(".bot[data-state=broken]")).to_have_count(1)
    expect(page.locator("#input")).to_have_value("二")
    assert [message for _, message, _ in bot.started] == ["一"]


def test_the_limit_counts_characters_and_refuses_beyond(page: Page, bot: Any) -> None:
    limit = bot.max_message_tokens(bot.defaults.max_new_tokens)
    note = page.locator("#note")
    page.fill("#input", "字" * int(limit * 0.75))
    expect(note).not_to_contain_text("还能写")
    page.fill("#input", "字" * (limit - 10) + "😀" * 10)  # one character, two UTF-16 units
    expect(note).to_have_text("还能写 0 个字")
    text = "字" * (limit + 3)
    page.fill("#input", text)
    expect(note).to_contain_text("超出 3 个字")
    expect(page.locator("#input")).to_have_attribute("aria-invalid", "true")
    page.press("#input", "Enter")
    page.locator("#send").click(force=True)
    nothing_was_sent(page, bot, text)
    page.fill("#input", text[3:])
    page.press("#input", "Enter")
    expect(page.locator(".user .text")).to_have_text(text[3:])


def test_the_box_grows_with_the_text_up_to_a_limit(page: Page) -> None:
    def height() -> float:
        box = page.locator("#input").bounding_box()
        assert box is not None
        return box["height"]

    one = height()
    page.fill("#input", "一\n二\n三")
    three = height()
    page.fill("#input", "行\n" * 40)
    assert one < three < height() < 200
    page.fill("#input", "")
    assert height() == one
