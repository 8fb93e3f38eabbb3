"""How templates become lines: the person types loosely, 小闲 writes cleanly."""

import random
import re
from collections.abc import Callable, Mapping, Sequence
from typing import TypeVar

_SLOT = re.compile(r"\{([a-z_.]+)\}")
_LED = re.compile(
    r"考考|测试|自我|认识|先报|跟你说|忘了说|帮我|记一|更正|对了|话说|那|再|接着|你好|还有|改一"
)
_TYPOS = {
    "记得": "记的",
    "名字": "名子",
    "什么": "什麽",
    "知道": "知到",
    "告诉": "告述",
    "真的": "真滴",
}
_EMOJI = "😂🙂😄🤔😆🌚✨👀"

_T = TypeVar("_T")


class Voice:
    """Picks templates, none twice in a dialogue while others are left, and fills them in."""

    def __init__(self, rng: random.Random) -> None:
        self._rng = rng
        self._used: set[object] = set()

    def chance(self, share: float) -> bool:
        """Return True for this share of the calls."""
        return self._rng.random() < share

    def pick(
        self,
        templates: Sequence[_T],
        words: Mapping[str, str],
        text_of: Callable[[_T], str] = str,
        *,
        fits: Callable[[_T], bool] = lambda _: True,
    ) -> _T:
        """Return a template whose own text names none of the values that it is to be filled with.

        ``fits`` is a wish: where no template is left that fits, any other is taken.
        """
        values = [value for name, value in words.items() if not name.endswith(("_a", "_b"))]
        clean = [
            template
            for template in templates
            if not any(value and value in _SLOT.sub("", text_of(template)) for value in values)
        ]
        fresh = [template for template in clean if template not in self._used]
        choice = self._rng.choice([t for t in fresh if fits(t)] or fresh or clean or templates)
        self._used.add(choice)
        return choice

    def message(self, template: str, words: Mapping[str, str], leads: Sequence[str] = ()) -> str:
        """Return what the person types; ``leads`` may open it."""
        text = self._loosen(self._led(template, leads))
        if self.chance(0.04):
            text += self._rng.choice(("。", "！", "～", "哈", *_EMOJI))
        return fill(text, words)

    def question(self, template: str, words: Mapping[str, str], leads: Sequence[str] = ()) -> str:
        """Return what the person asks, now and then with a question mark."""
        mark = self._rng.choice(("？", "?", "？", "??")) if self.chance(0.25) else ""
        return fill(self._loosen(self._led(template, leads)), words) + mark

    def _led(self, template: str, leads: Sequence[str]) -> str:
        return (
            self._rng.choice(leads) + template if leads and not _LED.match(template) else template
        )

    def reply(self, templates: Sequence[str], words: Mapping[str, str]) -> str:
        """Return what 小闲 answers; a question back is the exception."""
        plain = self.chance(0.75)
        return fill(
            self.pick(templates, words, fits=lambda text: not (plain and text.endswith("？"))),
            words,
        )

    def _loosen(self, template: str) -> str:
        """Return a template as people type: spaces for commas, a slip now and then."""
        if self.chance(0.03):
            slips = [right for right in _TYPOS if right in template]
            if slips:
                right = self._rng.choice(slips)
                template = template.replace(right, _TYPOS[right])
        if self.chance(0.45):
            template = template.replace("，", " ")
        return template


def fill(template: str, words: Mapping[str, str]) -> str:
    """Return the template with its slots filled; ``KeyError`` for a slot without a word."""
    return _SLOT.sub(lambda match: words[match[1]], template)


def slots_of(template: str) -> set[str]:
    """Return the names of the slots of a template."""
    return set(_SLOT.findall(template))
