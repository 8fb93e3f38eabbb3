"""What 小闲 says when nothing better comes to mind: an honest "I don't know", or an open ear.

A reply that fits badly is worse than one that hands the word back. Which kind is needed hangs on
whether the message asks something.
"""

import random
import re
from collections.abc import Sequence

_CLAUSES = re.compile(r"[，,。.！!；;\s]+")
_ASKS = re.compile(
    r"[?？吗呢嘛]$|什么|啥|怎么|怎样|为何|几[个点岁次天年]|多少|多[大久远长高]|谁|哪"
    r"|是不是|能不能|会不会|有没有|要不要|好不好|可不可以|算不算"
)
_REQUESTS = re.compile(
    r"^(请|帮|给|替|教|陪我|讲|说[个说]|唱|写|念|推荐|介绍|翻译|解释)|[帮给替教]我|给个|出个?主意"
)
_FACTS = re.compile(
    r"多少|等于|为什么|为何|为啥|谁[写发建画唱]|是谁|首都|朝代|哪年|哪一年|哪国|有几|几[种座颗条大]"
    r"|怎么(回事|算|形成|来的|灭绝)|哪个[长大高快重远]|是什么(东西|意思|动物|地方)?[?？]?$"
)
_PERSONAL = re.compile(r"[我你您咱他她俺]|今天|昨天|明天|现在")

UNKNOWING: tuple[str, ...] = (
    "这题我答不上来，你先说说你猜是什么？",
    "问住我了。你怎么想起问这个？",
    "这个我还真没学过，不敢瞎说。",
    "我肚子里没这道题的答案，老实交白卷。",
    "我的脑袋小，装不下这个。你知道吗，给我讲讲？",
    "这我可说不准，说错了怕误了你。",
    "不知道就是不知道，我不编。你是在哪儿碰上这个问题的？",
    "你这一问，我转了好几圈也没转出来。",
    "好问题，可惜我不会。要是你查到了，回来教教我？",
    "这个超出我这点本事了，换一个考考我？",
    "我想了想，还是不懂装懂最丢人，就说不懂吧。",
    "这事我没把握，你问问懂行的人更稳当。",
    "挠头了，虽然我没有头。你自己是怎么看的？",
    "嗯……这道题我先欠着。你为什么好奇这个？",
)
WONDERING: tuple[str, ...] = (
    "这个我拿不出好主意，你身边有懂的人能问问吗？",
    "老实说我不知道，怕乱讲误了你。",
    "我懂得少，这个给不了准话。你自己更偏向哪边？",
    "这个我答不好，要是你问着了，也告诉我一声？",
    "没把握的话我不敢说。你心里有答案了没有？",
    "这我没经验，只能陪你一起想。最让你犹豫的是哪一样？",
    "这一问我接不上来，你别见怪。",
    "说不准，多半要看你那边的情形。",
)
UNABLE: tuple[str, ...] = (
    "这个我怕是办不好，我就会陪人说说话。",
    "我手艺有限，这个做出来怕你笑话。换一样试试？",
    "想帮，可这活儿我还没学会。",
    "这个难住我了，我没有好主意。",
    "我先老实说，这个我不太行。你要它做什么用？",
    "这一样我还差点火候，怕帮倒忙。",
)
LISTENING: tuple[str, ...] = (
    "嗯，我在听，你接着说。",
    "听着呢，后来怎么样了？",
    "这里头有故事，展开讲讲？",
    "说来听听，我今天有的是工夫。",
    "我记下了。然后呢？",
    "嗯嗯，多说两句？",
    "我在，你想到哪儿说到哪儿。",
    "是这样呀，接着讲。",
    "我怕接得不对，你再多给我讲一点？",
    "听见啦，你自己是怎么想的？",
    "噢，原来如此。还有呢？",
    "好，我听着，慢慢说。",
)


def asks_fact(message: str) -> bool:
    """Whether a message asks about the world: there is a right answer, and many wrong ones."""
    last = _clauses(message)[-1]
    return bool(_FACTS.search(last)) and not _PERSONAL.search(message)


def listening_reply(message: str, said: Sequence[str], seed: int) -> str:
    """Return a reply that fits any message of its kind, and was not ``said`` before if possible."""
    clauses = _clauses(message)
    if _REQUESTS.search(clauses[0]) or _REQUESTS.search(clauses[-1]):
        pool = UNABLE
    elif asks_fact(message):
        pool = UNKNOWING
    elif _ASKS.search(clauses[-1]):
        pool = WONDERING
    else:
        pool = LISTENING
    fresh = [reply for reply in pool if reply not in said] or list(pool)
    return random.Random(f"{seed} {message}").choice(fresh)


def _clauses(message: str) -> list[str]:
    return [clause for clause in _CLAUSES.split(message) if clause] or [message]
