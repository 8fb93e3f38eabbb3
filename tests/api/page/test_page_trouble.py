"""The page when something goes wrong: the reader is told why, and no text is lost."""

import json
from collections.abc import Callable
from functools import partial
from typing import Any

from playwright.sync_api import Page, Route, expect

from api.settings import Settings
from chatbot.errors import GenerationFailed, QueueFull

OpenPage = Callable[..., Page]

# Every text that the first way on goes through, and whether it is closed then.
_WATCH_WAYS = """() => {
  window.ways = [];
  const note = () => {
    const way = document.querySelector("#messages .way");
    if (way && window.ways.at(-1)?.[0] !== way.textContent) {
      window.ways.push([way.textContent, way.disabled]);
    }
  };
  const what = { subtree: true, childList: true, characterData: true };
  new MutationObserver(note).observe(document.querySelector("#messages"), what);
}"""


def answer_with(route: Route, body: str) -> None:
    route.fulfill(body=body, content_type="text/event-stream")


def say(page: Page, text: str) -> None:
    page.fill("#input", text)
    page.press("#input", "Enter")


def spoken(page: Page) -> list[str]:
    return page.locator(".message .text").all_text_contents()


def test_a_refusal_shows_its_detail_and_retry_sends_again(
    open_page: OpenPage, url: str, bot: Any
) -> None:
    bot.refusal = QueueFull(8)
    page = open_page(url)
    with page.expect_response("**/chat") as response:
        say(page, "排队的话")
    detail = response.value.json()["detail"]
    expect(page.locator(".remark.alarming")).to_have_text(detail)
    expect(page.locator("#announcer")).to_have_text(detail)
    bot.refusal = None
    page.click("button:has-text('重试')")
    expect(page.locator(".bot[data-state=whole]")).to_have_count(1)
    assert spoken(page) == ["排队的话", "好呀。"]


def test_a_refused_text_can_go_back_into_the_box(open_page: OpenPage, url: str, bot: Any) -> None:
    bot.refusal = QueueFull(8)
    page = open_page(url)
    say(page, "要改的话")
    expect(page.locator("#messages .way")).to_have_text(["重试", "改一改"])
    expect(page.locator(".user .edit")).to_be_hidden()  # there is nothing stored to branch off from
    page.click("text=改一改")
    expect(page.locator("#input")).to_have_value("要改的话")
    expect(page.locator(".message")).to_have_count(0)


def test_a_failure_in_mid_reply_keeps_what_was_said(
    open_page: OpenPage, url: str, bot: Any
) -> None:
    bot.failure = GenerationFailed("没能说完；请重试")
    page = open_page(url)
    say(page, "你好")
    expect(page.locator(".bot[data-state=broken] .text")).to_have_text("好呀。")
    expect(page.locator(".remark.alarming")).not_to_be_empty()
    bot.failure = None
    page.click("button:has-text('重试')")
    expect(page.locator(".bot[data-state=whole]")).to_have_count(1)
    assert spoken(page) == ["你好", "好呀。"]


def test_a_stream_that_breaks_off(open_page: OpenPage, url: str) -> None:
    page = open_page(url)
    for ending in ("", 'event: delta\ndata: {"te', "data: {}\n\n"):
        body = 'event: delta\ndata: {"text":"话说"}\n\n' + ending
        page.route("**/chat", partial(answer_with, body=body))
        say(page, "你好")
        expect(page.locator(".bot[data-state=broken] .text")).to_have_text("话说")
        expect(page.locator(".remark.alarming")).to_have_text("话说到一半，连接断了。")
        expect(page.locator("text=重试")).to_be_visible()
        page.unroute("**/chat")
        page.click("#renew")


def test_no_connection(open_page: OpenPage, url: str) -> None:
    page = open_page(url)
    page.context.set_offline(True)
    say(page, "有人吗")
    expect(page.locator(".remark.alarming")).to_contain_text("连不上")
    expect(page.locator("#status")).to_have_text("连不上，在重连…")
    page.context.set_offline(False)
    expect(page.locator("#status")).to_have_attribute("data-state", "ready")
    page.click("button:has-text('重试')")
    expect(page.locator(".bot[data-state=whole]")).to_have_count(1)


def test_a_gateway_that_answers_html(open_page: OpenPage, url: str) -> None:
    page = open_page(url)
    page.route("**/chat", lambda route: route.fulfill(status=502, body="<h1>Bad Gateway</h1>"))
    say(page, "你好")
    expect(page.locator(".remark.alarming")).to_contain_text("502")
    assert page.locator("h1").all_text_contents() == ["小闲"]


def test_a_session_that_is_gone_begins_afresh(open_page: OpenPage, url: str, bot: Any) -> None:
    page = open_page(url)
    say(page, "第一句")
    expect(page.locator(".bot[data-state=whole]")).to_have_count(1)
    page.evaluate("fetch('/sessions/' + localStorage['xianliao.session'], {method: 'DELETE'})")
    say(page, "第二句")
    expect(page.locator(".divider").last).to_contain_text("重新开始")
    page.click("button:has-text('重试')")
    expect(page.locator(".bot[data-state=whole]")).to_have_count(2)
    assert [(history, said) for history, said, _ in bot.started] == [
        ([], "第一句"),
        ([], "第二句"),
    ]


def test_an_unknown_session_at_the_start_is_forgotten_quietly(
    open_page: OpenPage, url: str
) -> None:
    page = open_page(url)
    page.evaluate("localStorage['xianliao.session'] = '../没有/这个?'")
    page.reload()
    expect(page.locator("#welcome")).to_be_visible()
    say(page, "你好")
    expect(page.locator(".bot[data-state=whole]")).to_have_count(1)
    expect(page.locator(".alarming")).to_have_count(0)


def test_a_conversation_that_cannot_be_fetched_is_not_forgotten(
    open_page: OpenPage, url: str
) -> None:
    page = open_page(url)
    say(page, "记住我")
    expect(page.locator(".bot[data-state=whole]")).to_have_count(1)
    problem = {"detail": "存档打不开。"}
    page.route("**/sessions/*", lambda route: route.fulfill(status=500, json=problem), times=1)
    page.reload()
    expect(page.locator(".divider")).to_contain_text("存档打不开。")
    page.click("button:has-text('重试')")
    expect(page.locator(".message .text")).to_have_text(["记住我", "好呀。"])


def test_waiting_for_the_service(open_page: OpenPage, url: str) -> None:
    page = open_page(url)
    problem = {"detail": "模型正在加载。"}
    page.route("**/readyz", lambda route: route.fulfill(status=503, json=problem))
    page.reload()
    expect(page.locator("#status")).to_have_text("正在醒来…")
    say(page, "早啊")
    expect(page.locator("#input")).to_have_value("早啊")
    expect(page.locator("#note")).to_contain_text("还没醒")
    page.unroute("**/readyz")
    expect(page.locator("#status")).to_have_text("在呢")
    page.press("#input", "Enter")
    expect(page.locator(".bot[data-state=whole]")).to_have_count(1)


def test_when_it_is_busy_the_way_on_counts_down(open_page: OpenPage, url: str) -> None:
    page = open_page(url)
    problem = {"detail": "排队的人太多。"}
    page.route(
        "**/chat",
        lambda route: route.fulfill(status=429, json=problem, headers={"Retry-After": "2"}),
    )
    page.evaluate(_WATCH_WAYS)
    say(page, "排队的话")
    again = page.get_by_role("button", name="重试", exact=True)
    expect(again).to_be_enabled()
    assert page.evaluate("window.ways") == [
        ["重试（2 秒）", True],
        ["重试（1 秒）", True],
        ["重试", False],
    ]
    page.unroute("**/chat")
    again.click()
    expect(page.locator(".bot[data-state=whole]")).to_have_count(1)
    assert spoken(page) == ["排队的话", "好呀。"]


def test_a_deadline_keeps_what_was_said_and_the_message(
    open_page: OpenPage, settings: Settings, serve_live: Any, bot: Any
) -> None:
    object.__setattr__(settings, "deadline_seconds", 3)
    bot.pieces, bot.pause = ["说来", *["话长"] * 100], 0.2
    page = open_page(serve_live(lambda _: bot).url)
    say(page, "讲个故事")
    expect(page.locator(".remark.alarming")).to_contain_text("限定的时间")
    expect(page.locator(".bot .text")).to_contain_text("说来")
    expect(page.locator("#messages .way")).to_have_text(["重试", "改一改"])
    page.click("text=改一改")
    expect(page.locator("#input")).to_have_value("讲个故事")


def test_a_reply_that_the_safety_rules_replaced_says_so(open_page: OpenPage, url: str) -> None:
    page = open_page(url)
    answer = {"reply": "换个话题吧。", "session_id": None, "turn": 1, "finish_reason": "filtered"}
    answer |= {"usage": {"history_used": 0, "history_dropped": 0}, "model": "m", "seed": 1}
    body = f"event: done\ndata: {json.dumps(answer)}\n\n"
    page.route("**/chat", lambda route: route.fulfill(body=body, content_type="text/event-stream"))
    say(page, "坏话")
    expect(page.locator(".bot .text")).to_have_text("换个话题吧。")
    expect(page.locator(".bot .remark")).to_contain_text("换个话头")


def test_two_windows_in_one_conversation(open_page: OpenPage, url: str, bot: Any) -> None:
    page = open_page(url)
    say(page, "一")
    expect(page.locator(".bot[data-state=whole]")).to_have_count(1)
    other = page.context.new_page()
    other.goto(page.url)
    expect(other.locator(".message .text")).to_have_text(["一", "好呀。"])
    say(other, "二")
    expect(other.locator(".bot[data-state=whole]")).to_have_count(2)
    page.fill("#input", "三")
    page.press("#input", "Enter")
    expect(page.locator(".user .text")).to_have_text(["一", "二", "三"])
    assert bot.started[-1][:2] == (["一", "好呀。", "二", "好呀。"], "三")


def test_a_page_that_did_not_come_whole_says_so(open_page: OpenPage, url: str) -> None:
    page = open_page(url)
    expect(page.locator("#incomplete")).to_be_hidden()
    page.route("**/talk.js", lambda route: route.abort())
    page.reload()
    expect(page.locator("#incomplete")).to_be_visible()
