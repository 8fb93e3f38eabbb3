"""The page for whoever uses a keyboard, a screen reader, or little motion."""

from typing import Any, cast

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect


def problems_of(page: Page) -> list[str]:
    """What axe-core finds wrong, in the light; and of the colours, in the dark."""
    violations = []
    for theme, options in (("light", {}), ("dark", {"runOnly": ["color-contrast"]})):
        page.emulate_media(color_scheme=cast(Any, theme), reduced_motion="reduce")
        violations += Axe().run(page, options=options).response["violations"]
    return [f"{one['id']}: {[node['html'] for node in one['nodes']]}" for one in violations]


def test_axe_finds_nothing(visit_at: Any, headed_url: str, bot: Any) -> None:
    visit = visit_at(headed_url)
    page = visit.page
    expect(page.locator("#tab-classify")).to_be_visible()
    assert problems_of(page) == []  # the welcome
    visit.talk("你好", "讲个故事")
    bot.pieces = ["从前有座山。"]
    page.click(".message.bot:last-child .again")
    visit.until_whole(2)
    page.click(".message.bot:last-child .former")
    page.click(".message.bot:last-child .down")
    expect(page.locator(".reason")).to_be_visible()
    page.hover(".user")
    page.click(".user .edit")
    assert problems_of(page) == []
    page.click("#conversation-list .more")
    assert problems_of(page) == []
    page.keyboard.press("Escape")
    page.click("#open-settings")
    assert problems_of(page) == []
    page.keyboard.press("Escape")
    for tab in ("#tab-write", "#tab-classify"):
        page.click(tab)
        assert problems_of(page) == []


def test_axe_finds_nothing_on_a_phone_in_english(open_page: Any, url: str) -> None:
    page = open_page(url, phone=True)
    page.tap("#language")
    page.tap(".starters button")  # at once: what is being translated can be tapped
    expect(page.locator(".bot[data-state=whole]")).to_have_count(1)
    expect(page.locator("html")).to_have_attribute("lang", "en")
    assert problems_of(page) == []
    page.tap("#open-conversations")
    expect(page.locator("#conversation-list a")).to_have_count(1)
    assert problems_of(page) == []


def test_everything_can_be_done_by_keyboard(visit: Any, bot: Any) -> None:
    page = visit.page
    keyboard = page.keyboard
    visit.talk("你好")
    expect(page.locator("#input")).to_be_focused()
    expect(page.locator("#conversation-list a")).to_have_count(1)
    reached = []
    for _ in range(40):
        keyboard.press("Shift+Tab")
        name = "document.activeElement.id || document.activeElement.className"
        reached.append(str(page.evaluate(name)).split(" ")[-1])
        if reached[-1] == "search":
            break
    assert reached == [
        *["down", "up", "again", "copy", "edit"],
        *["renew", "open-settings", "language", "tab-chat"],
        *["more", "", "search"],
    ]
    keyboard.type("你好")
    for _ in range(2):
        keyboard.press("Tab")
    expect(page.locator("#conversation-list .more")).to_be_focused()
    keyboard.press("Enter")
    expect(page.locator("#conversation-menu .way").first).to_be_focused()
    keyboard.press("Enter")
    keyboard.type("新名字")
    keyboard.press("Enter")
    page.fill("#search", "")
    expect(page.locator("#conversation-list a")).to_contain_text(["新名字"])
    page.focus("#open-settings")
    keyboard.press("Enter")
    expect(page.locator("#settings")).to_be_visible()
    keyboard.press("Escape")
    expect(page.locator("#open-settings")).to_be_focused()
    bot.pause = 30
    visit.say("讲个故事")
    keyboard.press("Escape")
    expect(page.locator(".bot[data-state=broken]")).to_have_count(1)


def test_nothing_moves_for_whoever_wants_that(visit: Any, bot: Any) -> None:
    page = visit.page
    bot.pause = 30
    page.emulate_media(reduced_motion="reduce")
    visit.say("你好")
    expect(page.locator(".bot[data-state=waiting]")).to_have_count(1)
    assert page.evaluate("document.getAnimations().length") == 0
    page.emulate_media(reduced_motion="no-preference")
    assert page.evaluate("document.getAnimations().length") > 0
