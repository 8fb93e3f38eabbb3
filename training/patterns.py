"""What the data gate looks for in a text: what is cut out, and what makes a dialogue unfit."""

import re
import unicodedata
from collections.abc import Sequence

# What is cut out of an utterance, by name; the rest of it stays.
CUTS = {
    "网址": re.compile(r"(?:https?://|www\.)[\w./?=&%#~:+-]+", re.IGNORECASE | re.ASCII),
    # Not after a Latin letter or digit: that is an e-mail address, which drops the dialogue.
    "@某人": re.compile(r"(?://|回复)?(?<![A-Za-z0-9._+-])@(?![我你他她错])[\w\-·]{1,30}[:：]?\s?"),
    "话题": re.compile(r"#[^#\s]{1,30}#"),
    "平台标记": re.compile(
        r"转发微博|轉發微博|分享(?:图片|视频|单曲)|查看(?:图片|原图)|网页链接|O网页链接"
        r"|展开全文|收起全文|\[(?!语音|图片|视频|表情|文件)(?:[\u4e00-\u9fff]{1,4}|doge)\]"
    ),
}
STAGE_DIRECTION = re.compile(r"[（(][^（）()]{1,20}[）)]\s*")
SELF_HARM = re.compile(r"自杀|自残|自伤|割腕|跳楼|轻生|结束(?:自己的)?生命|不想活|去死|寻死|安眠药")
_RUN = re.compile(r"(.)\1{5,}")
_REPEATED = re.compile(r"(.{2,12}?)\1{3,}")
_PERSONAL = re.compile(
    r"(?<!\d)(?:\+?86[ -]?)?1[3-9]\d[ -]?\d{4}[ -]?\d{4}(?!\d)"  # mobile telephone
    r"|(?<!\d)0\d{2,3}[ -]\d{7,8}(?!\d)"  # telephone
    r"|(?<!\d)\d{6}[ -]?(?:19|20)\d{2}[ -]?\d{4}[ -]?\d{3}[\dXx](?!\d)"  # identity card
    r"|(?<!\d)(?:\d{4}[ -]?){4}\d{0,3}(?!\d)"  # bank card
    r"|[\w.+-]+@[\w-]+\.[\w.]{2,}"  # e-mail
    r"|(?:[Qq]{2}|扣扣|微信|[Vv][Xx])号?(?:码|是|为|：|:|\s){0,3}[A-Za-z0-9][\w-]{4,19}",
    re.ASCII,
)
_NUMERAL_PHONE = re.compile(
    r"(?<![零〇一幺二两三四五六七八九])[一幺][三四五六七八九][零〇一幺二两三四五六七八九]{9}"
)
_SALES = re.compile(
    r"(?:加|\+)(?:我|一下)?(?:微信|微|[VvＶ][Xx信]?|[Qq]{2}|扣扣)(?:号|[:：]|\s)*[A-Za-z0-9]"
    r"|(?:关注|扫码?).{0,6}(?:公众号|二维码)|招(?:收|募)?代理|诚招(?:代理|加盟)|日赚\d|日结\d"
    r"|免费领取|点击(?:链接|领取|购买)|(?:淘宝|微店)(?:店铺?|搜索)"
)
_SALES_WORDS = (
    "包邮",
    "代购",
    "优惠券",
    "秒杀",
    "下单",
    "折扣",
    "正品",
    "批发",
    "厂家直销",
    "限时",
    "私信我",
)


def shortened(text: str) -> str:
    """Cut a character that is repeated more than five times to five, a phrase to three."""
    text = _RUN.sub(lambda match: match[1] * 5, text)
    if len(text) < 8 or 2 * len(set(text)) > len(text):  # the search below is slow
        return text
    return _REPEATED.sub(lambda match: match[1] * 3, text)


def has_personal_data(text: str) -> bool:
    """Whether a text holds a telephone number, an identity or bank card, an address of a person's.

    Full-width digits and numbers in Chinese numerals count.
    """
    folded = unicodedata.normalize("NFKC", text)
    return bool(_PERSONAL.search(folded) or _NUMERAL_PHONE.search(folded))


def is_advertising(text: str) -> bool:
    """Whether a text sells something: by a phrase that nothing else uses, or by several words."""
    return bool(_SALES.search(text)) or sum(word in text for word in _SALES_WORDS) >= 3


def is_stuck(utterances: Sequence[str]) -> bool:
    """Whether the bot says the same thing three times or more in a dialogue."""
    replies = utterances[1::2]
    return len(replies) > 2 and any(replies.count(reply) > 2 for reply in set(replies))
