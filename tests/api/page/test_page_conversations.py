"""conversations.js: the side list, and conversations as files and addresses."""

import json
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect


def titles(page: Page) -> Any:
    return page.locator("#conversation-list a")


def choose(page: Page, title: str, act: str) -> None:
    page.locator("#conversation-list li", has_text=title).locator(".more").click()
    page.click(f"#conversation-menu >> text={act}")


@pytest.fixture
def two(visit: Any) -> Any:
    """A visit with two conversations: about a cat, then about the rain, which is open."""
    visit.talk("我养了一只猫")
    visit.page.click("#renew")
    visit.talk("外面下雨了", "会停吗")
    expect(titles(visit.page)).to_contain_text(["外面下雨了", "我养了一只猫"])
    return visit


def test_a_conversation_is_opened_from_the_list_and_by_its_address(two: Any, bot: Any) -> None:
    page = two.page
    expect(page.locator("[aria-current]")).to_contain_text("外面下雨了")
    page.click("text=我养了一只猫")
    expect(page.locator(".user .text")).to_have_text(["我养了一只猫"])
    expect(page.locator("[aria-current]")).to_contain_text("我养了一只猫")
    assert page.url == f"{two.url}/#/c/{two.session_id}"
    page.fill("#input", "它叫年糕")
    two.talk("它叫年糕")
    assert bot.started[-1][:2] == (["我养了一只猫", "好呀。"], "它叫年糕")
    page.go_back()
    expect(page.locator(".user .text")).to_have_text(["外面下雨了", "会停吗"])
    other = page.context.new_page()
    other.goto(page.url)
    expect(other.locator(".user .text")).to_have_text(["外面下雨了", "会停吗"])


def test_an_unknown_address_says_so_and_begins_anew(visit: Any) -> None:
    visit.page.goto(f"{visit.url}/#/c/nobody-has-this")
    expect(visit.page.locator("#note")).to_contain_text("找不到了")
    expect(visit.page.locator("#welcome")).to_be_visible()
    visit.talk("你好")


def test_search_finds_titles_and_what_was_said(two: Any) -> None:
    page = two.page
    page.fill("#search", "会停")
    expect(titles(page)).to_contain_text(["外面下雨了"])
    page.fill("#search", "没有这种话")
    expect(page.locator("#conversation-news")).to_have_text("没有找到。")
    page.fill("#search", "")
    expect(titles(page)).to_have_count(2)


def test_rename_and_delete(two: Any) -> None:
    page = two.page
    choose(page, "我养了一只猫", "改名")
    page.fill(".rename input", "年糕")
    page.press(".rename input", "Enter")
    expect(titles(page)).to_contain_text(["外面下雨了", "年糕"])
    choose(page, "外面下雨了", "删除")
    page.click("text=不删了")
    expect(titles(page)).to_have_count(2)
    choose(page, "外面下雨了", "删除")
    page.click("text=删掉")
    expect(titles(page)).to_contain_text(["年糕"])
    expect(titles(page)).to_have_count(1)
    expect(page.locator("#welcome")).to_be_visible()  # it was the one that was open


def test_export_and_import(two: Any, tmp_path: Path) -> None:
    page = two.page
    texts = {}
    for form in ("TXT", "JSON"):
        with page.expect_download() as download:
            choose(page, "外面下雨了", f"导出 {form}")
        assert download.value.suggested_filename.endswith(f".{form.lower()}")
        texts[form] = download.value.path().read_text("utf-8")
    assert "我：外面下雨了\n小闲：好呀。" in texts["TXT"]
    assert [turn["user"] for turn in json.loads(texts["JSON"])["turns"]] == ["外面下雨了", "会停吗"]
    file = tmp_path / "会话.json"
    file.write_text(texts["JSON"].replace("外面下雨了", "外面下雪了"), "utf-8")
    page.set_input_files("#import-file", file)
    expect(page.locator(".user .text")).to_have_text(["外面下雪了", "会停吗"])
    expect(titles(page)).to_have_count(3)
    file.write_text("这不是 JSON", "utf-8")
    page.set_input_files("#import-file", file)
    expect(page.locator("#conversation-news")).to_contain_text("不是导出的 JSON")
    file.write_text('{"turns": []}', "utf-8")
    page.set_input_files("#import-file", file)
    expect(page.locator("#conversation-news .alarming")).to_contain_text("turns")


def test_on_a_phone_the_list_is_a_drawer(open_page: Any, url: str) -> None:
    page = open_page(url, phone=True)
    page.fill("#input", "我养了一只猫")
    page.tap("#send")
    expect(page.locator(".bot[data-state=whole]")).to_have_count(1)
    page.tap("#renew")
    expect(page.locator("#conversations")).to_be_hidden()
    page.tap("#open-conversations")
    choose(page, "我养了一只猫", "改名")
    page.fill(".rename input", "年糕")
    page.press(".rename input", "Enter")
    expect(page.locator("#conversation-list .more")).to_be_focused()
    titles(page).tap()
    expect(page.locator("#conversations")).to_be_hidden()
    expect(page.locator(".user .text")).to_have_text(["我养了一只猫"])
    page.tap("#open-conversations")
    page.keyboard.press("Escape")
    expect(page.locator("#conversations")).to_be_hidden()
