"""The chat page as a reader meets it: talk, stop, begin anew, come back."""

from collections.abc import Callable
from typing import Any

from playwright.sync_api import Page, expect

OpenPage = Callable[..., Page]

# Every state and every text that the newest reply goes through.
_WATCH = """() => {
  window.seen = [];
  const note = () => {
    const bot = [...document.querySelectorAll(".bot")].at(-1);
    if (bot) window.seen.push([bot.dataset.state, bot.querySelector(".text").textContent]);
  };
  const what = { subtree: true, childList: true, characterData: true, attributes: true };
  new MutationObserver(note).observe(document.querySelector("#messages"), what);
}"""


def say(page: Page, text: str) -> None:
    page.fill("#input", text)
    page.press("#input", "Enter")


def wait_whole(page: Page, turns: int) -> None:
    expect(page.locator(".bot[data-state=whole]")).to_have_count(turns)
    expect(page.locator("#status")).to_have_attribute("data-state", "ready")


def spoken(page: Page) -> list[str]:
    return page.locator(".message .text").all_text_contents()


def stored(page: Page, url: str) -> Any:
    """The conversation, as its owner's browser gets it."""
    return page.request.get(f"{url}/sessions/{session_id(page)}").json()


def heard(bot: Any) -> list[tuple[list[str], str]]:
    return [(history, message) for history, message, _ in bot.started]


def until_silent(page: Page, bot: Any) -> None:
    """Wait until the service has stopped the generation."""
    for _ in range(1000):
        if not bot.running:
            return
        page.wait_for_timeout(20)
    raise AssertionError("the service still generates")


def session_id(page: Page) -> str | None:
    answer: str | None = page.evaluate("localStorage.getItem('xianliao.session')")
    return answer


def test_two_turns_with_a_real_model(open_page: OpenPage, model_url: str) -> None:
    page = open_page(model_url)
    expect(page.locator("#welcome")).to_be_visible()
    expect(page.locator("#welcome button")).to_have_count(4)
    say(page, "今天有点累")
    wait_whole(page, 1)
    expect(page.locator("#welcome")).to_be_hidden()
    expect(page.locator("#input")).to_have_value("")
    say(page, "你猜为什么")
    wait_whole(page, 2)
    turns = stored(page, model_url)["turns"]
    assert [turn["user"] for turn in turns] == ["今天有点累", "你猜为什么"]
    assert spoken(page) == [turn[who].strip() for turn in turns for who in ("user", "bot")]


def test_a_reply_grows_piece_by_piece(open_page: OpenPage, url: str, bot: Any) -> None:
    bot.pieces, bot.pause = ["早", "呀，", "吃了吗？"], 0.1
    page = open_page(url)
    page.evaluate(_WATCH)
    say(page, "早")
    wait_whole(page, 1)
    states = [tuple(seen) for seen in page.evaluate("window.seen")]
    steps = list(dict.fromkeys(states))
    assert steps[-4:] == [
        ("talking", "早"),
        ("talking", "早呀，"),
        ("talking", "早呀，吃了吗？"),
        ("whole", "早呀，吃了吗？"),
    ]


def test_the_second_turn_knows_the_first(open_page: OpenPage, url: str, bot: Any) -> None:
    page = open_page(url)
    page.click("#welcome button >> nth=0")
    wait_whole(page, 1)
    say(page, "还有呢")
    wait_whole(page, 2)
    first = spoken(page)[0]
    assert heard(bot) == [([], first), ([first, "好呀。"], "还有呢")]


def test_stop_ends_the_generation_and_offers_the_text(
    open_page: OpenPage, url: str, bot: Any
) -> None:
    bot.pieces, bot.pause = list("说来话长" * 500), 0.05
    page = open_page(url)
    say(page, "讲个故事")
    expect(page.locator("#send")).to_have_text("停下")
    expect(page.locator(".bot .text")).to_contain_text("说来")
    page.click("#send")
    expect(page.locator(".bot[data-state=broken] .remark")).to_contain_text("不会记得")
    expect(page.locator("#send")).to_have_text("发送")
    assert spoken(page)[1].startswith("说来")
    until_silent(page, bot)
    assert session_id(page) is None
    bot.pieces, bot.pause = ["好"], 0
    page.click("text=再发一次")
    wait_whole(page, 1)
    assert spoken(page) == ["讲个故事", "好"]
    assert [turn["user"] for turn in stored(page, url)["turns"]] == ["讲个故事"]


def test_escape_stops_too_and_the_text_can_be_changed(
    open_page: OpenPage, url: str, bot: Any
) -> None:
    bot.pause = 30
    page = open_page(url)
    say(page, "打错了子")
    page.fill("#input", "下一句的草稿")
    page.press("#input", "Escape")
    page.click("text=改一改")
    expect(page.locator("#input")).to_have_value("打错了子\n下一句的草稿")
    expect(page.locator("#input")).to_be_focused()
    expect(page.locator("#welcome")).to_be_visible()


def test_a_double_click_on_send_does_not_stop(open_page: OpenPage, url: str, bot: Any) -> None:
    bot.pause = 0.5
    page = open_page(url)
    page.fill("#input", "手快了")
    page.dblclick("#send")
    wait_whole(page, 1)
    assert spoken(page) == ["手快了", "好呀。"]


def test_a_new_conversation_forgets_the_old_one(open_page: OpenPage, url: str) -> None:
    page = open_page(url)
    say(page, "我叫阿树")
    wait_whole(page, 1)
    before = session_id(page)
    page.fill("#input", "草稿还在")
    page.click("#renew")
    expect(page.locator(".message")).to_have_count(0)
    expect(page.locator("#welcome")).to_be_visible()
    expect(page.locator("#input")).to_have_value("草稿还在")
    assert session_id(page) is None
    page.press("#input", "Enter")
    wait_whole(page, 1)
    assert session_id(page) not in (None, before)
    assert page.request.get(f"{url}/sessions/{before}").ok


def test_a_new_conversation_in_mid_reply_stops_the_reply(
    open_page: OpenPage, url: str, bot: Any
) -> None:
    bot.pieces, bot.pause = list("说来话长" * 50), 0.05
    page = open_page(url)
    say(page, "讲个故事")
    expect(page.locator(".bot .text")).to_contain_text("说来")
    bot.pause = 60  # it is the click that stops the service, not a piece that comes later
    page.click("#renew")
    until_silent(page, bot)
    bot.pieces, bot.pause = ["换个话题。"], 0
    say(page, "别的")
    wait_whole(page, 1)
    assert spoken(page) == ["别的", "换个话题。"]


def test_a_reload_brings_the_conversation_back(open_page: OpenPage, url: str) -> None:
    page = open_page(url)
    for number, text in enumerate(["你好", "第二句\n分两行"], start=1):
        page.fill("#input", text)
        page.click("#send")
        wait_whole(page, number)
    before = spoken(page)
    page.fill("#input", "没写完的")
    page.reload()
    wait_whole(page, 2)
    assert spoken(page) == before == ["你好", "好呀。", "第二句\n分两行", "好呀。"]
    expect(page.locator("#input")).to_have_value("没写完的")
    expect(page.locator("#welcome")).to_be_hidden()
