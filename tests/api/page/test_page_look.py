"""What the page promises about safety, sizes and reading aids."""

from collections.abc import Callable
from typing import Any, cast

import pytest
from playwright.sync_api import Page, expect

OpenPage = Callable[..., Page]

_ATTACKS = [
    '<img src=x onerror="window.broken=1"><b>粗</b>&lt;script&gt;',
    "<script>window.broken=1</script>",
    "</span></div><svg onload=window.broken=1>",
    "<iframe srcdoc='<script>parent.broken=1</script>'></iframe>",
    '"><a href="javascript:window.broken=1">点我</a>',
    "{{constructor.constructor('window.broken=1')()}}${window.broken=1}",
    "<style>*{display:none}</style><base href=//x>",
    "<math><mtext></p><img src=x onerror=window.broken=1>",
    "%3Cscript%3Ewindow.broken=1%3C/script%3E &#60;b&#62;",
    "\u202e倒过来\u2066<!--<img title='--><img src=x onerror=window.broken=1>'",
]


def say(page: Page, text: str) -> None:
    page.fill("#input", text)
    page.click("#send")


def wait_whole(page: Page, turns: int = 1) -> None:
    expect(page.locator(".bot[data-state=whole]")).to_have_count(turns)
    expect(page.locator("#status")).to_have_attribute("data-state", "ready")


def test_markup_stays_text(open_page: OpenPage, url: str, bot: Any) -> None:
    page = open_page(url)
    for turn, attack in enumerate(_ATTACKS, start=1):
        bot.pieces = [attack[:9], attack[9:]]
        say(page, attack)
        wait_whole(page, turn)
    tags = "nodes => [...new Set(nodes.map(node => node.tagName))]"
    own = {"DIV", "SPAN", "BUTTON", "svg", "use", "P", "I", "TIME"}
    for _ in range(2):  # as it comes, and as it is restored
        said = [attack for attack in _ATTACKS for _ in ("user", "bot")]
        expect(page.locator(".message .text")).to_have_text(said)
        expect(page.locator("#conversation-list a")).to_contain_text([_ATTACKS[0][:30]])
        assert set(page.locator("#messages *").evaluate_all(tags)) <= own
        assert page.evaluate("window.broken") is None
        page.reload()


def test_the_browser_itself_refuses_markup_and_code(open_page: OpenPage, url: str) -> None:
    page = open_page(url)
    for attempt in (
        "document.body.innerHTML = '<b>粗</b>'",
        "document.body.insertAdjacentHTML('beforeend', '<b>粗</b>')",
        "document.body.append(Object.assign(document.createElement('script'), {text: '1'}))",
    ):
        refused = f"try {{ {attempt}; return false }} catch {{ return true }}"
        assert page.evaluate(f"() => {{ {refused} }}"), attempt
    assert page.locator("b").count() == 0


def test_a_long_conversation_is_left_alone_while_a_reply_grows(
    open_page: OpenPage, url: str, bot: Any
) -> None:
    """Of two hundred messages, a token touches one: that is what keeps it smooth."""
    page = open_page(url)
    turns = [{"user": f"第{n}句", "bot": f"第{n}答，" * 10} for n in range(100)]
    imported = page.request.post(f"{url}/sessions/import", data={"turns": turns}).json()
    page.goto(f"{url}/#/c/{imported['session_id']}")
    wait_whole(page, 100)
    page.evaluate(
        """() => {
          window.touched = new Set();
          const note = (changes) => changes.forEach(({ target }) =>
            window.touched.add((target.parentElement ?? target).closest(".message")));
          const what = { subtree: true, childList: true, characterData: true, attributes: true };
          new MutationObserver(note).observe(document.querySelector("#messages"), what);
        }"""
    )
    bot.pieces, bot.pause = list("说来话长，慢慢说。"), 0.02
    say(page, "讲个故事")
    wait_whole(page, 101)
    assert page.evaluate("[...window.touched].filter(Boolean).length") == 1
    expect(page.locator(".bot .bubble").last).to_be_in_viewport(ratio=1)
    assert page.locator("#messages *").count() < 30 * 202


def test_no_request_leaves_the_origin(open_page: OpenPage, url: str) -> None:
    page = open_page(url)
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.reload()
    page.wait_for_selector("#status[data-state=ready]")
    page.click("#welcome button >> nth=1")
    wait_whole(page)
    assert len(asked) > 5
    assert [one for one in asked if not one.startswith(f"{url}/")] == []


@pytest.mark.parametrize("widths", [(320, 360), (1280,)], ids=["phone", "desk"])
def test_nothing_sticks_out_at_the_side(
    open_page: OpenPage, url: str, bot: Any, widths: tuple[int, ...]
) -> None:
    bot.pieces = ["https://example.com/" + "a" * 200, "哈" * 300]
    page = open_page(url, phone=widths[0] < 500)
    for place in ("welcome", "messages"):
        if place == "messages":
            say(page, "w" * 90)
            wait_whole(page)
        for width in widths:
            page.set_viewport_size({"width": width, "height": 740})
            sizes = "[document.documentElement, document.querySelector('#scroller')]"
            over = page.evaluate(f"{sizes}.map(one => one.scrollWidth - one.clientWidth)")
            assert over == [0, 0], (place, width)
            expect(page.locator("#input")).to_be_in_viewport(ratio=1)
            expect(page.locator("#send")).to_be_in_viewport(ratio=1)


def test_a_keyboard_that_takes_half_the_screen(open_page: OpenPage, url: str) -> None:
    page = open_page(url, phone=True)
    say(page, "你好")
    wait_whole(page)
    page.set_viewport_size({"width": 360, "height": 320})
    expect(page.locator("#input")).to_be_in_viewport(ratio=1)
    expect(page.locator(".bot .bubble")).to_be_in_viewport(ratio=1)


def test_the_end_is_followed_only_by_who_is_there(open_page: OpenPage, url: str, bot: Any) -> None:
    bot.pieces, bot.pause = ["一行\n"] * 60, 0.02
    page = open_page(url, phone=True)
    latest = page.locator("#latest")
    say(page, "慢慢说")
    page.wait_for_function("() => document.querySelector('#scroller').scrollTop >= 100")
    expect(latest).to_be_hidden()
    page.evaluate("document.querySelector('#scroller').scrollTop = 40")
    expect(latest).to_be_visible()
    wait_whole(page)
    assert page.evaluate("document.querySelector('#scroller').scrollTop") == 40
    latest.click()
    expect(latest).to_be_hidden()
    rest = "(one => one.scrollHeight - one.clientHeight - one.scrollTop)"
    assert page.evaluate(f"{rest}(document.querySelector('#scroller'))") < 2


def test_a_reply_is_read_out_once(open_page: OpenPage, url: str, bot: Any) -> None:
    bot.pieces, bot.pause = list("一二三四五六"), 0.02
    page = open_page(url)
    page.evaluate(
        """() => {
          window.aloud = [];
          const announcer = document.querySelector("#announcer");
          const hear = () => window.aloud.push(announcer.textContent);
          new MutationObserver(hear).observe(announcer, { childList: true, subtree: true });
        }"""
    )
    say(page, "数数")
    wait_whole(page)
    assert page.evaluate("window.aloud") == ["小闲：一二三四五六"]
    assert page.get_attribute("#messages", "aria-live") == "off"


def test_text_has_enough_contrast(open_page: OpenPage, url: str) -> None:
    page = open_page(url)
    say(page, "你好")
    wait_whole(page)
    page.fill("#input", "字" * 1000)
    # What each text stands on, by its element.
    pairs = {
        ".user .text": ".user .bubble",
        ".bot .text": ".bot .bubble",
        "#status": "html",
        "#renew": "html",
        "#note": "html",
        ".divider p": "html",
        "#send": "#send",
        "#tab-chat": "#tab-chat",
        "#tab-write": "html",
        "#tally": "html",
        "#fresh": "html",
        "#how select": "#how select",
        "#write": "#write",
        "#again": "#again",
    }
    colours = """([front, back]) => [
      getComputedStyle(document.querySelector(front)).color,
      getComputedStyle(document.querySelector(back)).backgroundColor]"""
    for theme in ("light", "dark"):
        page.emulate_media(color_scheme=cast(Any, theme), reduced_motion="reduce")
        for pair in pairs.items():
            assert _contrast(*page.evaluate(colours, list(pair))) >= 4.5, (theme, pair)


def _contrast(one: str, other: str) -> float:
    """The contrast ratio of WCAG 2.2 between two `rgb(r, g, b)` colours."""
    darker, lighter = sorted(map(_luminance, (one, other)))
    return (lighter + 0.05) / (darker + 0.05)


def _luminance(colour: str) -> float:
    parts = [int(part) / 255 for part in colour.removeprefix("rgb(").rstrip(")").split(",")]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
