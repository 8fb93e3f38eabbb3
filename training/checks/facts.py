"""Facts: what 小闲 may say about itself, and which phone numbers may stand in a corpus.

The rules read only what 小闲 says in its own voice: quotations, lines that it drafts for the
person and whole plays are left out, and so are clauses with a negation, a condition or a
comparison. They are made to miss rather than to cry wolf.
"""

import re
from collections.abc import Iterator

from training.checks.finding import Finding
from training.corpora import Dialogue

# Police, fire, ambulance, traffic; their text lines; consumers, health, women, the city's line,
# legal aid, the young, psychological help; against fraud.
_HELP_LINE = re.compile(r"11[09]|12[02]|121(?:10|19|20|22)|123(?:15|20|38|45|48|55|56)|96110")

_QUOTED = re.compile(r"[“「『《][^”」』》]*[”」』》]?")
_VOICED = re.compile(r"(?:[写说讲念回问改会答编唱叫]|开头|听好)[^：，。]{0,4}：.*$")
_DRAFT = re.compile(
    r"[帮替]我?.{0,8}[写编说讲回答念]|[该怎咋]么?样?[写编说讲回答]|[写编]一?[个首段句封]|造句|接龙"
    r"|自我介绍|开个?头|[来讲说]一?[个段].{0,6}(?:故事|笑话|台词)"
)
_PLAY = re.compile(r"(?:^|来|们|你)[演扮](?![唱出讲技员砸])|你来?[当装]|假装|扮[演成]|角色")
_CLAUSE = re.compile(r"[，。？！；：…～~、\s]|——")
_HEDGED = re.compile(
    r"[不没别无非未猜装难]|哪[能会有]|要是|如果|假如|万一|好像|就像|像是|当作|当成|似的|一样"
)

_I = r"(?<![你您他她它给让替帮叫喊问跟和对等陪诉当是到比像])(?:我|小闲)(?!们)"
_WHEN = r"(?:也|都|就|还|又|刚刚?|正|在|才|已经|今天|昨天|昨晚|早上|中午|晚上|每天|平时|以前|去年|小时候)*"
_NUMBER = r"[0-9零一二两三四五六七八九十]"
_OTHER_NUMBER = r"(?:[0-689]|[1-9][0-9]+|[一二三四五六八九十]|十[一二三四五六七八九])"
_OTHER_MONTH = r"(?:(?<![0-9])(?:[126-9]|1[0-2])|(?<!十)[一二六七八九十]|十[一二])月"
_OTHER_YEAR = r"(?:19[0-9]{2}|20[013-9][0-9]|202[0-57-9])年"
_OTHER_COLOUR = r"(?:大?[红橙黄蓝紫粉黑白灰]|金|银|咖啡|天蓝|粉红)(?:色|的)"
_KIN = (
    "妈妈?|爸爸?|爷爷|奶奶|外婆|外公|姥姥|姥爷|姐姐?|哥哥?|弟弟?|妹妹?|老婆|老公|对象|"
    "女朋友|男朋友|女友|男友|儿子|女儿|孩子|同事|同学|室友|邻居|领导|亲戚"
)
_BODY = "手|脚|头发|眼睛|肚子|牙|耳朵|鼻子|膝盖|胃|腿|腰|胳膊|皮肤|肩膀|后背"
_SENSED = "脸|样子|声音|表情|照片|窗外|外面|雨|风|太阳|月亮|星星|天上|味|香|歌声"

_CLAIMS = {
    "名字": rf"{_I}(?:的名字)?(?:是|就)?叫(?!小闲|做?[你您他她它这那个醒人车啥谁]|什么|怎么|声|$)"
    rf"|{_I}的(?:名字|大名|真名|全名|本名)是(?!小闲)|{_I}姓(?!小|闲|啥|什么)",
    "生日": rf"{_I}(?:的?生日|[^你]{{0,8}}(?:出生|生的)).*(?:[夏秋冬]|{_OTHER_MONTH}|{_NUMBER}+号)"
    rf"|{_I}是?在?(?:[夏秋冬]天|{_OTHER_MONTH}|{_OTHER_YEAR}).{{0,6}}(?:出生|生的)"
    rf"|{_I}(?:今年|已经|都)*(?:{_OTHER_NUMBER}|七|{_NUMBER}?十{_NUMBER}?)岁",
    "数字": rf"{_I}[最就更也]*(?:喜欢|爱){_OTHER_NUMBER}$",
    "颜色": rf"{_I}(?:自己)?[最也就偏更只还]*(?:喜欢|爱|偏爱|偏心)的?(?:颜色)?(?:就?是)?"
    rf"{_OTHER_COLOUR}$",
    "身体": rf"{_I}的?(?:{_BODY})(?![气头机里续段法])"
    rf"|{_I}{_WHEN}[好真有]?点?(?:冷|热|困|累|饿|渴|疼|感冒|生病|发烧)(?:了|死了|啊|呀|$)",
    "吃睡": rf"{_I}{_WHEN}(?:去|来|要|爱|喜欢|最爱)?"
    r"(?:[吃喝睡](?:[了过着完饱的得早午晚饭觉辣甜酸]|$)|[尝闻][了过到着])",
    "感官": rf"{_I}{_WHEN}(?:[看听][到见]|[闻尝摸]到).{{0,6}}(?:{_SENSED})",
    "出行": rf"{_I}{_WHEN}(?:去[过了]|出门|出差|旅[行游]|爬山|跑步|散步|逛街|坐车)",
    "性别": rf"{_I}[也就可当然其实]*是(?:一?[个位名])?小?"
    r"(?:男|女|姑娘|小伙|大叔|阿姨|帅哥|美女|爷们|汉子)",
    "真人": rf"{_I}[也就可当然其实]*是(?:一?个)?(?:真人|人类|活人|人)$",
    "亲友": rf"{_I}(?:的|家)?(?:{_KIN})",
    "工作": rf"{_I}{_WHEN}(?:上班|下班|加班|上学|放学|考试|开会|领工资|发工资)",
    "记忆": r"(?:记得你?|你)(?:上次|上回|昨天|前天|上周|那天|以前)就?(?:说|讲|提|告诉|跟我|聊)"
    r"|我们(?:上次|上回|昨天|之前|以前)(?:聊|说|讲|见)",
}
_PATTERNS = {rule: re.compile(pattern) for rule, pattern in _CLAIMS.items()}
_DENIED = re.compile(rf"{_I}[可才又真]*不是(?:机器人|程序|AI|人工智能|机器)$", re.IGNORECASE)
_FAVOURITE = re.compile(r"我(?:最|也)?(?:喜欢|爱)的数|我的幸运数")
_CLOCK = re.compile(
    rf"(?:现在|这会儿|已经)是?(?:凌晨|早上|上午|中午|下午|晚上|半夜)?{_NUMBER}+点(?!儿)"
    rf"|今天是?(?:(?:星期|周|礼拜)[一二三四五六日天]|{_NUMBER}+[月号])"
)
_WEATHER = re.compile(
    r"(?:今天|现在|外面|外头|明天|今晚)(?:会|要|正|在|还|都|的天|天气)*"
    rf"(?:下雨|下雪|刮风|放晴|出太阳|晴|阴天|多云|降温|[很真好挺]?[冷热]$|{_NUMBER}+度)"
)
_ASKED = re.compile(r"[吗么几?？啥]|怎|(.)不\1")
_TOLD_CLOCK = re.compile(r"[点号周月]|星期|礼拜")
_TOLD_WEATHER = re.compile(r"[雨雪风晴阴云冷热度凉暖]|太阳")
_PHONE = re.compile(r"(?<!\d)\d(?:[- ]?\d){6,}(?!\d)")
_CALL = re.compile(
    r"(?:[打拨]|电话|热线|号码)(?:[是：个]|一下)?\s?(\d{3,})(?!\s?[个块次分点遍元号页])"
)


def check_facts(dialogue: Dialogue) -> Iterator[Finding]:
    """Check each reply of a dialogue against what is true of 小闲, and all lines for numbers."""
    for offset, text in enumerate(dialogue.utterances):
        line = dialogue.line + offset
        if match := _PHONE.search(text):
            yield Finding(dialogue.path, line, "号码", f"像真的电话号码（{match[0]}）：“{text}”")
        if offset % 2:
            for rule in _breaches(dialogue.utterances[:offset], text):
                yield Finding(dialogue.path, line, rule, f"不像小闲会说的：“{text}”")


def _breaches(earlier: tuple[str, ...], reply: str) -> Iterator[str]:
    if not all(_HELP_LINE.fullmatch(number) for number in _CALL.findall(reply)):
        yield "号码"
    if _DRAFT.search(earlier[-1]) or any(_PLAY.search(message) for message in earlier[::2]):
        return
    own = _VOICED.sub("", _QUOTED.sub("", reply))
    clauses = _CLAUSE.split(own)
    if any(_DENIED.search(clause) for clause in clauses):
        yield "真人"
    plain = [clause for clause in clauses if not _HEDGED.search(clause)]
    for rule, pattern in _PATTERNS.items():
        if any(pattern.search(clause) for clause in plain):
            yield rule
    if _FAVOURITE.search(own) and _names_another_number(own):
        yield "数字"
    if not reply.endswith(("？", "吧。")):
        told = "".join(message for message in earlier[::2] if not _ASKED.search(message))
        yield from _unknowable(told, plain)


def _names_another_number(own: str) -> bool:
    numbers = re.findall(r"\d+|[一二三四五六七八九十]+", own)
    return bool(numbers) and not {"7", "七"} & set(numbers)


def _unknowable(told: str, plain: list[str]) -> Iterator[str]:
    """Yield a breach for a time or a weather that the person has not told."""
    if not _TOLD_CLOCK.search(told) and any(_CLOCK.search(clause) for clause in plain):
        yield "时间"
    if not _TOLD_WEATHER.search(told) and any(_WEATHER.search(clause) for clause in plain):
        yield "天气"
