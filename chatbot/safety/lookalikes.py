"""Characters that are read as others, whatever stands beside them.

Spellings that OpenCC's t2s leaves alone, radicals that NFKC does, pictures that stand for their
names, letters that look Latin, Latin ones in boxes and flags, and zhuyin, which spells pinyin.
"""

_HANZI = dict(zip("妳伱沵莪儍牠砲屄偪毴肏婬疍の艸", "你你你我傻它炮逼逼逼操淫蛋的草", strict=True))
_RADICALS = dict(zip("⺅⺘⺡⺨⺼⻌", "亻扌氵犭月辶", strict=True))
_PICTURES = dict(
    zip("🐴🐎🐶🐕🐷🐖🐽🐔💩🥚🐢👴🔫💊🔪📦", "马马狗狗猪猪猪鸡屎蛋龟爷枪药刀盒", strict=True)
)
_PICTURES |= {"🤡": "小丑", "💣": "炸弹", "🧊": "冰", "✈": "飞机", "🍆": "茄子"}
_LETTERS = dict(zip("аеіјѕорсухԁһкмтнвьγαορτικν", "aeijsopcyxdhkmthbbyaoptikv", strict=True))
_BOXES = {
    chr(start + place): chr(ord("a") + place)
    for start in (0x1F150, 0x1F170, 0x1F1E6)  # 🅐, 🅰, 🇦
    for place in range(26)
}
_ZHUYIN = dict(zip("ㄅㄆㄇㄈㄉㄊㄋㄌㄍㄎㄏㄐㄑㄒ", "bpmfdtnlgkhjqx", strict=True))
_ZHUYIN |= dict(zip("ㄖㄗㄘㄙㄚㄛㄜㄝㄧㄨㄩ", "rzcsaoeeiuv", strict=True))
_ZHUYIN |= {"ㄓ": "zh", "ㄔ": "ch", "ㄕ": "sh", "ㄞ": "ai", "ㄟ": "ei", "ㄠ": "ao", "ㄡ": "ou"}
_ZHUYIN |= {"ㄢ": "an", "ㄣ": "en", "ㄤ": "ang", "ㄥ": "eng"}

READ_AS: dict[int, str] = {
    ord(char): read
    for table in (_HANZI, _RADICALS, _PICTURES, _LETTERS, _BOXES, _ZHUYIN)
    for char, read in table.items()
}
