"""language.js: the whole page in Chinese, or in English by a switch."""

import re
from pathlib import Path
from typing import Any

from playwright.sync_api import expect

import api
from api.problems import KINDS

_PAGE = Path(api.__file__).parent / "page"
_CHINESE = re.compile("[\u4e00-\u9fff]")
_NOT_TRANSLATED = {"english.js", "moment.js", "manuscript.js"}
# Whatever of the page's own is seen or read out, but for what is marked as Chinese.
_SAYS = """() => {
  const words = [];
  const names = ["aria-label", "aria-valuetext", "placeholder", "title"];
  const nodes = document.createTreeWalker(document.body, NodeFilter.SHOW_ALL);
  while (nodes.nextNode()) {
    const node = nodes.currentNode;
    const element = node.nodeType === 1 ? node : node.parentElement;
    if (element.closest("[lang]:not(html), noscript, template, [aria-hidden=true]") !== null) continue;
    if (node.nodeType === 3) words.push(node.data.trim());
    if (node.nodeType === 1) words.push(...names.map((name) => node.getAttribute(name) ?? ""));
  }
  return words.filter((text) => text !== "");
}"""


def said() -> set[str]:
    """Every Chinese string of the modules."""
    found = set()
    for file in _PAGE.glob("*.js"):
        if file.name not in _NOT_TRANSLATED:
            code = re.sub(r"/\*[\s\S]*?\*/|(?<!:)//.*", "", file.read_text("utf-8"))
            found |= {text for text in re.findall(r'"([^"\n]*)"', code) if _CHINESE.search(text)}
            assert not any(map(_CHINESE.search, re.findall(r"`([^`]*)`", code))), file.name
    return found


def duplicates(texts: list[str]) -> set[str]:
    return {text for text in texts if texts.count(text) > 1}


def test_every_chinese_string_has_its_english() -> None:
    english = (_PAGE / "english.js").read_text("utf-8")
    keys = re.findall(r'^  "(.*?)": "', english, flags=re.MULTILINE)
    assert len(keys) == len(set(keys))
    # What is said in English leads back to one Chinese text.
    assert duplicates(re.findall(r'^  ".*?": "(.*)",$', english, flags=re.MULTILINE)) == set()
    document = (_PAGE / "index.html").read_text("utf-8")
    titles = {kind.title for kind in KINDS}
    assert said() - set(keys) - {"中文"} == set()
    used = said() | titles | {key for key in keys if key in document}
    assert set(keys) - used == set()


def test_the_switch_translates_in_place_there_and_back(
    visit_at: Any, headed_url: str, bot: Any, novelist: Any
) -> None:
    del novelist
    visit = visit_at(headed_url)
    page = visit.page
    expect(page.locator("#tab-classify")).to_be_visible()
    visit.talk("你好", "再见")
    bot.pieces = ["换了一个。"]
    page.click(".message.bot:last-child .again")
    visit.until_whole(2)
    page.click(".bot .down >> nth=0")
    expect(page.locator(".reason")).to_be_attached()
    page.click("#tab-write")
    page.click("#blank .starters button >> nth=0")
    expect(page.locator("#tail")).to_be_visible()
    page.evaluate("window.button = document.querySelector('#write')")
    chinese = page.evaluate(_SAYS)
    page.click("#language")
    expect(page.locator("#write")).to_have_text("Go on")
    english = [re.sub("“你好”|寻常|高兴|心情", "", text) for text in page.evaluate(_SAYS)]
    assert [text for text in english if _CHINESE.search(text)] == []
    page.click("#language")
    expect(page.locator("#write")).to_have_text("接着写")
    assert page.evaluate(_SAYS) == chinese
    assert page.evaluate("window.button === document.querySelector('#write')")


def test_the_switch_disturbs_no_reply_and_is_kept(visit: Any, bot: Any) -> None:
    page = visit.page
    bot.pieces, bot.pause = list("说来话长" * 100), 0.05
    visit.say("讲个故事")
    expect(page.locator(".bot .text")).to_contain_text("说来")
    page.fill("#input", "草稿")
    page.click("#language")
    expect(page.locator("#send")).to_have_text("Stop")
    bot.pause = 0
    visit.until_whole(1)
    expect(page.locator("#send")).to_have_text("Send")
    visit.reload()
    expect(page.locator("html")).to_have_attribute("lang", "en")
    expect(page.locator("#status")).to_have_text("Here")
    expect(page.locator("#input")).to_have_value("草稿")
    problem = {"title": "没能按时答完", "detail": "没能在限定的时间内答完，请再试一次。"}
    page.route("**/chat", lambda route: route.fulfill(status=504, json=problem))
    visit.say("再见")
    expect(page.locator(".remark.alarming")).to_have_text(
        "The reply took too long; please try again."
    )


def test_words_that_cannot_be_fetched_change_nothing(visit: Any) -> None:
    page = visit.page
    page.route("**/english.js", lambda route: route.abort())
    page.click("#language")
    expect(page.locator("#note")).to_contain_text("换不了语言")
    expect(page.locator("#language")).to_have_text("EN")
    expect(page.locator("html")).to_have_attribute("lang", "zh-CN")
