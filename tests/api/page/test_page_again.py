"""Beneath a message: copy, another reply, rewrite, thumbs; and what the service then has."""

from typing import Any

from playwright.sync_api import Page, expect

_LAST = ".message.bot:last-child"


def until_silent(page: Page, bot: Any) -> None:
    """Wait until the service has stopped the generation."""
    for _ in range(1000):
        if not bot.running:
            return
        page.wait_for_timeout(20)
    raise AssertionError("the service still generates")


def test_a_reply_is_copied(visit: Any, bot: Any) -> None:
    page = visit.page
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    for secure in (True, False):
        if not secure:  # as a page without TLS has it
            page.evaluate("navigator.clipboard.writeText = undefined")
        bot.pieces = [f"复制{secure}"]
        visit.talk("你好")
        page.click(f"{_LAST} .copy")
        expect(page.locator(f"{_LAST} .copy")).to_have_attribute("aria-label", "复制好了")
        assert page.evaluate("navigator.clipboard.readText()").strip() == f"复制{secure}"


def test_another_reply_is_paged_through_and_stored_when_gone_on_from(visit: Any, bot: Any) -> None:
    page = visit.page
    visit.talk("你好", "讲个故事")
    before = visit.session_id
    for text in ("从前有座山。", "从前有条河。"):
        bot.pieces = [text]
        page.click(f"{_LAST} .again")
        visit.until_whole(2)
    assert [(history, said) for history, said, _ in bot.started[-2:]] == [
        (["你好", "好呀。"], "讲个故事")
    ] * 2
    expect(page.locator(f"{_LAST} .place")).to_have_text("3/3")
    expect(page.locator(f"{_LAST} .next")).to_be_disabled()
    page.click(f"{_LAST} .former")
    assert visit.spoken[-1] == "从前有座山。"
    assert visit.stored[1]["bot"] == "好呀。"  # what is stored does not change
    visit.reload()
    expect(page.locator(f"{_LAST} .text")).to_have_text("从前有座山。")
    bot.pieces = ["山里有座庙。"]
    visit.talk("后来呢")
    assert bot.started[-1][0] == ["你好", "好呀。", "讲个故事", "从前有座山。"]
    assert [turn["bot"] for turn in visit.stored] == ["好呀。", "从前有座山。", "山里有座庙。"]
    assert visit.session_id != before
    expect(page.locator("#conversation-list a")).to_have_count(1)


def test_another_reply_that_fails_leaves_the_one_before(visit: Any, bot: Any) -> None:
    page = visit.page
    visit.talk("你好")
    page.context.set_offline(True)
    page.click(f"{_LAST} .again")
    expect(page.locator("#note")).to_contain_text("连不上")
    assert visit.spoken == ["你好", "好呀。"]
    page.context.set_offline(False)
    page.click(f"{_LAST} .again")  # the scripted bot says the same
    expect(page.locator("#note")).to_have_text("它想来想去，还是这一句。")
    expect(page.locator(f"{_LAST} .place")).to_be_hidden()
    bot.pause = 30
    page.click(f"{_LAST} .again")
    expect(page.locator(_LAST)).to_have_attribute("data-state", "waiting")
    page.click("#send")
    expect(page.locator(f"{_LAST} .text")).to_have_text("好呀。")
    until_silent(page, bot)


def test_a_rewritten_message_goes_on_beside_the_old_conversation(visit: Any, bot: Any) -> None:
    page = visit.page
    visit.talk("我养了猫", "它叫年糕", "它几岁")
    before = visit.session_id
    page.fill("#input", "没写完的")
    page.hover(".user >> nth=1")
    page.click(".user .edit >> nth=1")
    expect(page.locator("#input")).to_have_value("它叫年糕")
    expect(page.locator(".rewriting")).to_be_visible()
    page.fill("#input", "它叫汤圆")
    page.press("#input", "Enter")
    expect(page.locator(".user .text")).to_have_text(["我养了猫", "它叫汤圆"])
    visit.until_whole(2)
    assert bot.started[-1][:2] == (["我养了猫", "好呀。"], "它叫汤圆")
    expect(page.locator("#input")).to_have_value("没写完的")
    expect(page.locator("#conversation-list a")).to_have_count(2)
    assert visit.session_id != before
    page.go_back()
    expect(page.locator(".user .text")).to_have_text(["我养了猫", "它叫年糕", "它几岁"])


def test_rewriting_can_be_given_up_and_nothing_is_lost(visit: Any) -> None:
    page = visit.page
    visit.talk("我养了猫")
    page.fill("#input", "没写完的")
    page.hover(".user")
    page.click(".user .edit")
    page.press("#input", "Escape")
    expect(page.locator("#input")).to_have_value("没写完的")
    expect(page.locator(".rewriting")).to_be_hidden()
    page.hover(".user")
    page.click(".user .edit")
    page.route("**/export*", lambda route: route.abort())
    page.route("**/chat", lambda route: route.abort())
    page.fill("#input", "我养了狗")
    page.press("#input", "Enter")
    expect(page.locator(".user .text").first).to_have_text("我养了狗")  # the first has no copy
    expect(page.locator(".remark.alarming")).to_contain_text("连不上")
    page.click("text=改一改")
    expect(page.locator("#input")).to_have_value("我养了狗\n没写完的")


def test_thumbs_are_kept_with_their_reason_and_can_be_taken_back(visit: Any) -> None:
    page = visit.page
    visit.talk("你好")
    page.click(f"{_LAST} .down")
    page.click("text=答非所问")
    expect(page.locator(".because")).to_have_text("记下了，谢谢。")
    assert [(turn["rating"], turn["reason"]) for turn in visit.stored] == [("down", "答非所问")]
    visit.reload()
    expect(page.locator(f"{_LAST} .down")).to_have_attribute("aria-pressed", "true")
    page.click(f"{_LAST} .up")
    page.fill(".reason input", "又好了")
    page.press(".reason input", "Enter")
    expect(page.locator(".because")).to_have_text("记下了，谢谢。")
    assert [(turn["rating"], turn["reason"]) for turn in visit.stored] == [("up", "又好了")]
    page.click(f"{_LAST} .up")
    expect(page.locator(f"{_LAST} .up")).to_have_attribute("aria-pressed", "false")
    assert visit.stored[0]["rating"] is None
