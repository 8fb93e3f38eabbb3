"""settings.js and what the page tells of the bot's memory."""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from playwright.sync_api import expect

from api import keys
from api.settings import Settings
from api.store.database import open_database


def new_key(settings: Settings) -> str:
    """Make an API key; in a thread, since the browser's event loop runs in this one."""

    async def add() -> str:
        database = await open_database(settings)
        try:
            return await keys.add(database, "网页", None)
        finally:
            await database.close()

    with ThreadPoolExecutor() as pool:
        return pool.submit(asyncio.run, add()).result()


def test_what_is_chosen_is_sent_kept_and_given_up(visit: Any, bot: Any) -> None:
    page = visit.page
    page.click("#open-settings")
    expect(page.locator("#settings")).to_be_visible()
    values = [f"默认 {value}" for value in ("0.7", "0", "0.9", "1.1", "1")]
    expect(page.locator("#settings output")).to_have_text(values)
    expect(page.locator("#reset")).to_be_disabled()
    page.press("#set-temperature", "ArrowRight")
    page.press("#set-top_k", "End")
    page.press("#set-top_p", "Home")
    page.press("#set-repetition_penalty", "ArrowLeft")
    page.press("#set-candidates", "End")
    page.fill("#chat-seed", "12三4")
    expect(page.locator("#settings output")).to_have_text(["0.75", "200", "0.05", "1.05", "16"])
    expect(page.locator("#chat-seed")).to_have_value("124")
    page.keyboard.press("Escape")
    visit.reload()
    visit.talk("你好")
    params = bot.started[-1][2]
    assert (params.temperature, params.top_k, params.top_p) == (0.75, 200, 0.05)
    assert (params.repetition_penalty, params.candidates, params.seed) == (1.05, 16, 124)
    page.click(".message.bot:last-child .again")
    visit.until_whole(1)
    assert bot.started[-1][2].seed is None  # with the same one it would say the same
    page.click("#open-settings")
    page.click("#settings .setting:has(#set-top_k) .undo")
    expect(page.locator("#settings output")).to_have_text(["0.75", "默认 0", "0.05", "1.05", "16"])
    page.click("#reset")
    page.keyboard.press("Escape")
    visit.talk("再见")
    assert bot.started[-1][2] == bot.defaults


def test_where_a_key_is_wanted_it_is_asked_for_and_sent(
    settings: Settings, serve_live: Any, bot: Any, open_page: Any
) -> None:
    object.__setattr__(settings, "require_key", True)
    live = serve_live(lambda _: bot)
    page = open_page(live.url)
    page.fill("#input", "你好")
    page.press("#input", "Enter")
    expect(page.locator("#messages .remark.alarming")).to_contain_text("要密钥才能聊")
    secret = new_key(settings)
    page.click("#open-settings")
    page.fill("#key", secret)
    page.keyboard.press("Enter")
    page.click("button:has-text('重试')")
    expect(page.locator(".bot[data-state=whole]")).to_have_count(1)
    expect(page.locator("#conversation-list a")).to_have_count(1)


def test_it_tells_how_far_back_it_remembers(visit: Any, bot: Any) -> None:
    page = visit.page
    visit.talk("一", "二", "三")
    expect(page.locator("#memory")).to_have_text("这段对话的 3 轮它都记得。")
    expect(page.locator(".forgotten")).to_have_count(0)
    bot.history_fits = 2
    visit.talk("四")
    expect(page.locator("#memory")).to_have_text("它还记得最近 2 轮，更早的 2 轮放不下了。")
    following = "document.querySelector('.forgotten').nextElementSibling.querySelector('.text')"
    assert page.evaluate(f"{following}.textContent") == "三"
    visit.talk("五")
    assert page.evaluate(f"{following}.textContent") == "四"
    visit.reload()
    expect(page.locator("#memory")).to_have_text("它还记得多少，回答下一句时就知道。")
    page.click("#renew")
    expect(page.locator("#memory")).to_have_text("这段对话还没有开始。")
