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
# Whatever is seen or read out in Chinese, but for what is marked as Chinese.
_LEFT = """() => {
  const left = [];
  const nodes = document.createTreeWalker(document.body, NodeFilter.SHOW_ALL);
  while (nodes.nextNode()) {
    const node = nodes.currentNode;
    const element = node.nodeType === 1 ? node : node.parentElement;
    if (element.closest("[lang=zh-CN], #conversation-list, noscript, [aria-hidden=true]")) continue;
    const words = node.nodeType === 3 ? [node.data]
      : node.nodeType === 1 ? ["aria-label", "placeholder", "title"].map((a) => node.getAttribute(a))
      : [];
    left.push(...words.filter((text) => /[\\u4e00-\\u9fff]/.test(text ?? "")));
  }
  return left;
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


def test_every_chinese_string_has_its_english() -> None:
    english = (_PAGE / "english.js").read_text("utf-8")
    keys = re.findall(r'^  "(.*?)": "', english, flags=re.MULTILINE)
    assert len(keys) == len(set(keys))
    document = (_PAGE / "index.html").read_text("utf-8")
    titles = {kind.title for kind in KINDS}
    assert said() - set(keys) - {"中文"} == set()
    used = said() | titles | {key for key in keys if key in document}
    assert set(keys) - used == set()


def test_the_switch_translates_everything_and_is_kept(visit: Any) -> None:
    page = visit.page
    visit.talk("你好")
    page.fill("#input", "草稿")
    page.click("#language")
    expect(page.locator("#send")).to_have_text("Send")
    visit.reload()
    expect(page.locator("html")).to_have_attribute("lang", "en")
    expect(page.locator("#status")).to_have_text("Here")
    expect(page.locator("#input")).to_have_value("草稿")
    page.click(".message.bot:last-child .down")
    assert page.evaluate(_LEFT) == []
    page.fill("#input", "")
    problem = {"title": "没能按时答完", "detail": "没能在限定的时间内答完，请再试一次。"}
    page.route("**/chat", lambda route: route.fulfill(status=504, json=problem))
    visit.say("再见")
    expect(page.locator(".remark.alarming")).to_have_text(
        "The reply took too long; please try again."
    )
    page.click("#language")
    expect(page.locator("#send")).to_have_text("发送")
    expect(page.locator("html")).to_have_attribute("lang", "zh-CN")
