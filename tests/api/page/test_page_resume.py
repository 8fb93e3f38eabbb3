"""stream.js and run.js: a reply is taken up again where its stream broke off."""

import re
from collections.abc import Callable
from typing import Any

from playwright.sync_api import Page, Route, expect


def cut(keep: Callable[[str], str]) -> Callable[[Route], None]:
    """Let a stream come from the service, but only a part of it reach the page."""

    def handle(route: Route) -> None:
        response = route.fetch()
        route.fulfill(response=response, body=keep(response.text()))

    return handle


def until(page: Page, is_so: Callable[[], bool]) -> None:
    """Wait for something that the service does in its own time."""
    for _ in range(1000):
        if is_so():
            return
        page.wait_for_timeout(20)
    raise AssertionError("waited in vain")


def test_a_reload_in_mid_reply_takes_it_up_again(visit: Any, bot: Any) -> None:
    bot.pieces, bot.pause = list("说来话长，慢慢说。"), 0.3
    visit.say("讲个故事")
    expect(visit.page.locator(".bot .text")).to_contain_text("说来")
    visit.page.reload()
    visit.until_whole(1)
    assert visit.spoken == ["讲个故事", "说来话长，慢慢说。"]
    assert [turn["user"] for turn in visit.stored] == ["讲个故事"]
    expect(visit.page.locator("#input")).to_have_value("")
    assert len(bot.started) == 1


def test_a_reload_after_the_end_shows_the_turn_once(visit: Any, bot: Any) -> None:
    bot.pieces, bot.pause = ["好", "呀。"], 0.3
    visit.talk("你好")
    visit.say("又来了")
    until(visit.page, lambda: len(bot.started) == 2)
    visit.page.goto("about:blank")
    until(visit.page, lambda: not bot.running)
    visit.page.goto(visit.url)
    visit.until_whole(2)
    assert visit.spoken == ["你好", "好呀。", "又来了", "好呀。"]


def test_a_lost_connection_is_taken_up_where_it_broke(visit: Any, bot: Any) -> None:
    page = visit.page
    bot.pieces = ["早", "呀，", "吃了吗？"]
    for events in (1, 2, 3):
        page.route(
            "**/chat", cut(lambda text, n=events: "\n\n".join(text.split("\n\n")[:n]) + "\n\n")
        )
        with page.expect_request(re.compile("/chat/[^/]+$")) as again:
            visit.say("早")
        visit.until_whole(events)
        assert again.value.headers["last-event-id"] == str(events - 1)
        assert visit.spoken == ["早", "早呀，吃了吗？"] * events
        assert len(bot.started) == events
        page.unroute("**/chat")


def test_a_service_that_was_restarted_meanwhile(visit: Any) -> None:
    page = visit.page
    body = 'id: 0\nevent: start\ndata: {"reply_id":"of-before"}\n\n'
    page.route("**/chat", lambda route: route.fulfill(body=body, content_type="text/event-stream"))
    visit.say("你好")
    expect(page.locator(".remark.alarming")).to_contain_text("接不上了")
    page.unroute("**/chat")
    page.click("button:has-text('重试')")
    visit.until_whole(1)
    assert visit.spoken == ["你好", "好呀。"]


def test_another_conversation_in_mid_reply_gives_the_message_back(visit: Any, bot: Any) -> None:
    visit.talk("我养了一只猫")
    visit.page.click("#renew")
    bot.pieces, bot.pause = list("说来话长" * 50), 0.1
    visit.say("讲个故事")
    expect(visit.page.locator(".bot .text")).to_contain_text("说来")
    visit.page.click("#conversation-list a")
    expect(visit.page.locator(".user .text")).to_have_text(["我养了一只猫"])
    expect(visit.page.locator("#input")).to_have_value("讲个故事")
    until(visit.page, lambda: not bot.running)
