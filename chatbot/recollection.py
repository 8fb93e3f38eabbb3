"""What a person told earlier, turned into answers for when it is asked for.

A small model that is asked 我家猫叫什么来着 knows well which utterance is asked for, and spells what
stood there badly. So the utterance itself is said back, 我 and 你 changed over; which one it is, the
model decides (``Quote`` in ``chatbot/decoding``).
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

MAX_CHARS = 22  # of what is said back
_CLAUSES = re.compile(r"[^，,。！!？?；;～~\s]+[？?]*")
_LEADS = re.compile(
    r"(嗨|hi|hello|哈喽|你好呀?|您好|小闲(你好)?|在吗|忘了说|对了?|[哎诶哦啊嗯欸]+(对了?|呀)?|话说(回来)?|说回来"
    r"|跟你说一?下?|顺便(说一下|问一?下?)?|那个?|还有|新来的|考考你|问你个事|多多关照|初次见面|你信不|真的|别让我忘了"
    r"|帮我记一?下?|请问|不对|[说打记看写]?错了?|更正一?下?|改主意了|想了想)",
    re.IGNORECASE,
)
_MENDS = re.compile(
    r"^([哦啊哎诶等]下?[，, ]?)?(不对|[说打记看写]错|错了|更正|不是|应该是|改签|改主意|想了想|现在改|改[成叫]了)"
    r"|^换了|换成.{1,6}了$|^是[^，,。 ]+[，, ]不是"
)
_QUESTION_WORDS = "什[么麽]|啥|谁|哪|几|多少|多[大高重长久远]"
_ASKED = re.compile(rf"{_QUESTION_WORDS}|怎么")
_EVERY = re.compile(r"(什么|啥|哪|谁).*[都也]|没有?(什么|啥)|好几|几年|知道那儿")
_MARKS = re.compile(
    r"来着|(?<![我都])记[得的]|没忘|忘没忘|忘了[吗没]|考考你|又忘了|你[还不]?知道[我咱]|说说[我咱]"
    r"|[我咱](刚|刚才|之前|前面|前头|跟你)?[说讲][的过]|[我咱](刚|刚才|之前|前面|前头|跟你)[说讲]"
)
_ABOUT_ME = re.compile(
    r"^[^问说教让给叫喊猜]{0,4}我(?![问说想怎都没先去自]|做什么都|现在跟)[^问说]{0,8}"
    rf"(({_QUESTION_WORDS}).{{0,5}}|怎么[去走上来].{{0,3}})$|我家?有[^没]{{1,6}}吗$"
)
_WHEN = re.compile(
    r"^(?!.*[我你他她今明昨后周现])\w{2,6}[是在]?(几点|哪天|几号|什么时候)[了啊呀来着]{0,2}$"
)
# What a question asks for, by its words, and what the words of an answer look like.
_ANSWERS = [
    (re.compile(asked), re.compile(told))
    for asked, told in (
        (r"叫|名|姓|称呼|我是谁", r"叫|名|姓|本人|喊我|^我是"),
        (r"多大|几岁|多少岁|岁数|年[纪龄]", r"岁|年?[\d二三四五六七八九十]{2}|\d0?后"),
        (
            r"哪[儿里个]?的?人|老家|家乡|哪[儿里]的",
            r"老家|家乡|来自|出生在|家.{1,4}的|的?人$|^我.{2,4}的$",
        ),
        (
            r"[住在]哪|住的|城市|坐标|哪个地方",
            r"[住搬租]|人在|在.{1,4}(生活|工作|上班|定居)|来.{1,5}[没不]多?久",
        ),
        (
            r"工作|职业|上班|[干做][啥什嘛]",
            r"工作|职业|[当做干]|是[^，。]{1,6}[师员工手主生家长农司]",
        ),
        (r"颜色|[什啥][么麽]?色", r"色|[红橙黄绿蓝紫黑白灰粉]|控"),
        (r"几[点号]|哪天|时候|多会儿|生日", r"[点号日半:：周月明后]|\d"),
        (r"多少钱|价钱|花了|几块", r"[块元毛钱]|\d"),
        (r"吃", r"[吃饭菜面肉饺粉锅虾鱼鸡蛋汤瓜果]"),
        (r"喝", r"[喝茶咖奶酒汁水铁啡]"),
        (r"乐器|弹", r"[弹吹拉琴鼓练]"),
        (r"运动|锻炼|练", r"[跑跳打游练滑骑踢球操]"),
        (r"学|专业|年级", r"学|专业|[高初大小][一二三四]|年级"),
        (r"[书片影]", r"[《看读书片影]"),
        (r"[养宠猫狗]", r"[只养猫狗]|我家"),
        (r"怎么[去上]|坐[啥什]|通勤", r"[坐骑开走打]|地铁|公交"),
        (r"几个|兄弟|姐妹|独生", r"[个兄弟姐妹哥]"),
    )
]
_WHETHER = re.compile(r"([吗不没吧]|没有)[?？!！]*$|来着|考考你|又忘了")
_ADVICE = re.compile(r"该|要不要|应当|能|可以|为[什啥何]|怎么办|想知道|不知道|我也不")
_ODD = re.compile(r"[^\w《》·%.:：+-]")
_TURNED = str.maketrans({"我": "你", "俺": "你", "你": "我"})


@dataclass(frozen=True)
class Told:
    """What was told, and how it is said back.

    Attributes:
        utterances: those that told it, with the replies to them; a correction is among them.
        reply: what it comes to.
        answers: how far it looks like an answer of the kind that is asked for, 0 to 1.
    """

    utterances: tuple[str, ...]
    reply: str
    answers: float


def asks_for_told(message: str) -> bool:
    """Whether a message asks for something that the person told earlier."""
    is_marked = _MARKS.search(message)
    if is_marked and (_WHETHER.search(message) or _ASKED.search(message)):
        return True
    last = (_said(message) or [message])[-1].rstrip("?？")
    is_about_told = _ABOUT_ME.search(last) or _WHEN.search(last)
    return bool(is_about_told) and not _EVERY.search(last) and not _ADVICE.search(message)


def things_told(history: Sequence[str], message: str) -> list[Told]:
    """Return what the person told in a history, oldest first; a correction joins what it mends.

    Args:
        history: utterances, the person's first, an even number.
        message: what asks for one of them.
    """
    found: list[list[str]] = []
    for told, reply in zip(history[::2], history[1::2], strict=True):
        if found and _MENDS.search(told):
            found[-1] += [told, reply]
        elif _tells(told):
            found.append([told, reply])
    wanted = [answer for asked, answer in _ANSWERS if asked.search(message)]
    return [
        Told(tuple(item), _say_back(item[-2], message), _answers(wanted, item[-2]))
        for item in found
    ]


def _answers(wanted: Sequence[re.Pattern[str]], told: str) -> float:
    return sum(bool(answer.search(told)) for answer in wanted) / len(wanted) if wanted else 0.0


def _say_back(told: str, message: str) -> str:
    """Return the clauses nearest to what is asked, as many as have room, the person as 你."""
    clauses = [_ODD.sub("", clause) for clause in _tells(told)] or [told]
    first = 0
    if sum(map(len, clauses)) > MAX_CHARS:
        common = [len(set(message) & set(clause)) for clause in clauses]
        first = common.index(max(common))
    kept, room = clauses[first : first + 1], MAX_CHARS - len(clauses[first])
    for clause in clauses[first + 1 :]:
        room -= len(clause)
        if room < 0:
            break
        kept.append(clause)
    return "，".join(kept).replace("自我", "自己").translate(_TURNED) + "。"


def _tells(text: str) -> list[str]:
    """Return the clauses that tell something."""
    return [clause for clause in _said(text) if not _is_question(clause)]


def _is_question(clause: str) -> bool:
    is_asked = _ASKED.search(clause) and not _EVERY.search(clause)
    return bool(is_asked) or clause.endswith(("?", "？", "吗"))


def _said(text: str) -> list[str]:
    """Return the clauses of a message without what only leads up to them."""
    return [clause for clause in _CLAUSES.findall(text) if not _LEADS.fullmatch(clause)]
