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
_FOR_ME = "[帮给替教]我(?![妈爸爷奶姐哥弟妹姥叔姨老儿女媳家男朋们])"  # 给我妈买了件大衣 tells
_REQUESTS = re.compile(
    rf"^({_FOR_ME}|请|帮忙|帮个|给个|教教|陪我|讲|说[个说]|唱|写|念|推荐|介绍|翻译|解释)(?!.{{0,3}}[了完过])"
    rf"|[你请能来快再以]{_FOR_ME}|[给出]个?主意|再(来|讲|推荐)[一点个首本部]"
)
_CHEER = re.compile(
    r"(^|[你请能来快再，,。\s])(给我.{0,2}(打.?气|鼓.?劲|加.?油)|(夸|哄|鼓励|安慰)+我(?!了))|夸夸呗"
)
_FACTS = re.compile(
    r"多少|等于|为什么|为何|为啥|谁[写发建画唱]|是谁|首都|朝代|哪年|哪一年|哪国|有几|几[种座颗条大]"
    r"|怎么(回事|算|形成|来的|灭绝)|哪个[长大高快重远]|是什么(东西|意思|动物|地方)?[?？]?$"
)
_PERSONAL = re.compile(r"[我你您咱他她俺]|今天|昨天|明天|现在")


def _join(heads: str, tails: str) -> tuple[str, ...]:
    return tuple(f"{head}，{tail}" for head in heads.split() for tail in tails.split())


UNKNOWING = _join(
    "这题我答不上来 问住我了 这个我没学过 我肚子里没这道题的答案 这我说不准 不知道就是不知道"
    " 这超出我的本事了 不懂装懂最丢人 这一样我真不会 好问题可惜我不会 这道题我空着 我翻遍了也没有答案"
    " 这我可没把握 学问上我差得远 我没背过这个 这个得认输",
    "不敢瞎说。 你猜是什么？ 你知道的话教教我？ 老实交白卷。 查查书更稳当。 你怎么想起问这个？"
    " 换一个考考我？ 问问懂行的人吧。 你查到了告诉我一声？ 怕说错了误你。 你心里是不是有数了？"
    " 有本书在手边就好了。 答错了更难看。 你给我讲讲？",
)
WONDERING = _join(
    "老实说我不知道 这个我拿不出好主意 我懂得少给不了准话 这一问我接不上来 没把握的话我不敢说"
    " 这个我答不好 说不准 我也没有准主意 这我没经验 我怕乱猜误了你 这事我不敢替你拿主意 我见识少"
    " 这一下把我问着了 这我得说实话：不清楚 我琢磨不透 这里头的门道我不懂",
    "你身边有懂的人能问问吗？ 你自己更偏向哪边？ 你心里有答案了没有？ 多半要看你那边的情形。"
    " 要是问着了也告诉我一声？ 你别见怪。 问问过来人更稳当。 最让你犹豫的是哪一样？"
    " 你先说说你的想法？ 咱们一块儿想想？ 你是怎么打算的？ 先不急着定。 你多说一点，我帮着理理？"
    " 你心里其实有数吧？ 换了你朋友会怎么说？",
)
UNABLE = _join(
    "这个我怕是办不好 想帮可这活儿我没学会 我手艺有限 这个难住我了 老实说这个我不太行"
    " 这一样我还差点火候 这活儿我接不住 我没这本事 心有余力不足",
    "我就会陪人说说话。 做出来怕你笑话。 怕帮倒忙。 你身边有没有人能搭把手？ 换一样试试？"
    " 你先起个头，我跟着想？ 你别嫌弃。 聊聊你想怎么弄？",
)
CHEERING = _join(
    "你能说出来就不容易 你已经走到这儿了 我站你这边 先给你鼓个掌 这一路你没停过 慢一点也算数",
    "剩下的一步一步来。 今天先对自己好一点。 累了就歇口气。 我在这儿听着。",
)
LISTENING = _join(
    "嗯 嗯嗯 噢 哦 我在听 听着呢 听见啦 我记下了 好 是这样呀 原来如此 这样啊 收到 我在 行 明白"
    " 知道了 原来是这么回事 是这么个情形 我跟上了 好的 懂了 了解 记住了",
    "你接着说。 后来怎么样了？ 多说两句？ 慢慢讲，不急。 然后呢？ 还有呢？"
    " 你自己是怎么想的？ 展开讲讲？ 细讲讲？ 我想听下去。 再给我讲一点？ 你往下说。"
    " 后面的事我也想听。 当时是什么情形？ 这件事你怎么看？ 再说细一点？ 你心里什么滋味？ 说说看？",
)

LISTENING += tuple(
    f"{reply}{closing}"
    for closing in ("我听着呢。", "不着急。")
    for reply in LISTENING
    if not set("听急") & set(reply)
)


def asks_anything(message: str) -> bool:
    """Whether a message asks or requests something, rather than tells."""
    clauses = _clauses(message)
    return bool(_CHEER.search(message) or _requests(clauses) or _ASKS.search(clauses[-1]))


def asks_fact(message: str) -> bool:
    """Whether a message asks about the world: there is a right answer, and many wrong ones."""
    last = _clauses(message)[-1]
    return bool(_FACTS.search(last)) and not _PERSONAL.search(message)


def listening_reply(message: str, said: Sequence[str], seed: int) -> str:
    """Return a reply that fits any message of its kind, and was not ``said`` before if possible."""
    clauses = _clauses(message)
    if _CHEER.search(message):
        pool = CHEERING
    elif _requests(clauses):
        pool = UNABLE
    elif asks_fact(message):
        pool = UNKNOWING
    elif _ASKS.search(clauses[-1]):
        pool = WONDERING
    else:
        pool = LISTENING
    fresh = [reply for reply in pool if reply not in said] or list(pool)
    return random.Random(f"{seed} {message}").choice(fresh)


def _requests(clauses: Sequence[str]) -> bool:
    return any(_REQUESTS.search(clause) for clause in (clauses[0], clauses[-1]))


def _clauses(message: str) -> list[str]:
    return [clause for clause in _CLAUSES.split(message) if clause] or [message]
