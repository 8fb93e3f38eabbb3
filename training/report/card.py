"""The report card as Markdown, in Chinese: one column a checkpoint."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from training.exchanges import NUM_LAST
from training.memory.generate import Probe
from training.metrics.intervals import Share
from training.metrics.perplexity import Tally, per_character, per_token
from training.metrics.recall import recall, recall_by_distance, recall_by_kind
from training.metrics.replies import ReplyFigures
from training.report.examination import Examination, Material
from training.report.likelihood import Likelihood
from training.report.markdown import NOTHING, interval, number, percent, table
from training.report.safety import SafetyFigures
from training.report.safety_card import safety_section

_WRITTEN = "语料里的原话"
_BRACKETS = "方括号里是 95 % 区间。"


@dataclass(frozen=True, kw_only=True)
class Subject:
    """A checkpoint on the card: the facts about it, name -> value, and what it answered."""

    facts: Mapping[str, str]
    examination: Examination


Subjects = Mapping[str, Subject]


def write_card(
    subjects: Subjects,
    material: Material,
    written: ReplyFigures,
    *,
    safety: Mapping[str, SafetyFigures],
    settings: Mapping[str, str],
    seed: int,
    machine: str,
) -> str:
    """Return the card; all but its last section, the timing, is the same for the same seed.

    Args:
        subjects: label -> checkpoint, one or two.
        written: figures of the corpus's own replies.
        safety: name of a guard -> its figures.
        settings: what the report was made with, name -> value.
        machine: what the timing was measured on.
    """
    sections = [
        f"# 成绩单：{' 与 '.join(subjects)}",
        "、".join(f"{name} {value}" for name, value in settings.items()) + "。",
        _facts(subjects),
        _perplexity(subjects, seed),
        _replies(subjects, material, written),
        _recall(subjects, material),
        _safety(subjects, material, safety),
        _files(material, len(subjects)),
        _speed(subjects, machine, safety),
    ]
    return "\n\n".join(sections) + "\n"


def _facts(subjects: Subjects) -> str:
    names = list(next(iter(subjects.values())).facts)
    rows = [[name, *(s.facts.get(name, NOTHING) for s in subjects.values())] for name in names]
    return "## 模型\n\n" + table(["", *subjects], rows)


def _perplexity(subjects: Subjects, seed: int) -> str:
    rows = []
    sets = next(iter(subjects.values())).examination.likelihoods
    for name, counted in sets.items():
        for part, pick in (("全部", _whole), ("只算小闲的话", _bot)):
            for unit, measure in (("每 token", per_token), ("每字", per_character)):
                tallies = [
                    [pick(item) for item in subject.examination.likelihoods[name]]
                    for subject in subjects.values()
                ]
                cells = [interval(measure(given, seed=seed)) for given in tallies]
                rows.append([f"{name}，{len(counted):,} 段", part, unit, *cells])
        unknown = [_unknown(subject.examination.likelihoods[name]) for subject in subjects.values()]
        rows.append([f"{name}，{len(counted):,} 段", "全部", "[UNK] 占 token", *unknown])
    notes = (
        f"“末尾”是那个文件最后 {NUM_LAST:,} 段里过了清洗的；配方里的 cdial 从不拿这些段来训练。"
        * (len(sets) > 1)
        + f"{_BRACKETS}区间按对话做 1,000 次自助抽样（bootstrap）。"
        "每字 = exp(总奈特数 ÷ 字数)，字数是清洗后各句的字符数、每句句末再加一；"
        "除 [CLS] 外的 token（含每句的 [SEP]）都计奈特数。"
        "词表不同的模型只能比每字，[UNK] 多的会占便宜。"
    )
    header = ["", "范围", "单位", *subjects]
    return f"## 困惑度\n\n{table(header, rows)}\n\n{notes}\n\n![困惑度](perplexity.png)"


def _whole(likelihood: Likelihood) -> Tally:
    return likelihood.whole


def _bot(likelihood: Likelihood) -> Tally:
    return likelihood.bot


def _unknown(counted: Sequence[Likelihood]) -> str:
    total = sum((item.whole for item in counted), Tally())
    return f"{total.num_unknown / max(total.num_tokens, 1):.2%}"


def _replies(subjects: Subjects, material: Material, written: ReplyFigures) -> str:
    columns = [subject.examination.figures for subject in subjects.values()]
    rows = [
        [name, *map(cell, columns), NOTHING if name.startswith("BLEU") else cell(written)]
        for name, cell in _REPLY_ROWS.items()
    ]
    filtered = [
        f"{label} {sum(r.reply.finish_reason == 'filtered' for r in s.examination.responses)} 句"
        for label, s in subjects.items()
    ]
    unfit = f"放不下而略去的消息 {material.num_unfit} 条。" if material.num_unfit else ""
    notes = (
        f"{_BRACKETS}BLEU 按字（拉丁字母和数字连成一个），整个语料合计，一条参考，二元起各加一平滑；"
        "Dist 随回复数下降，只能比同样多的回复。"
        "隔句重复取自 samples.txt 那些对话：一半以上的二字组在自己更早的一句里出现过。"
        "套话：每个分句都在 training/metrics/generic.txt 里。"
        "不安全：过滤之前模型的首选过不了出口过滤；"
        f"实际换成固定回复的：{'，'.join(filtered)}。{unfit}"
    )
    header = ["", *subjects, _WRITTEN]
    return f"## 回复\n\n{table(header, rows)}\n\n{notes}\n\n![回复长度](lengths.png)"


_REPLY_ROWS: dict[str, Callable[[ReplyFigures], str]] = {
    "回复数": lambda f: f"{f.num_replies:,}",
    "BLEU-2（百分制）": lambda f: number(100 * f.bleu_2),
    "BLEU-4（百分制）": lambda f: number(100 * f.bleu_4),
    "Dist-1": lambda f: number(f.dist_1, 4),
    "Dist-2": lambda f: number(f.dist_2, 4),
    "句内重复的二字组": lambda f: f"{f.repetition_inside:.2%}",
    "隔句重复自己": lambda f: percent(f.repetition_across),
    "套话": lambda f: percent(f.generic),
    "不同开场白得到同一句": lambda f: percent(f.identical),
    "不安全（过滤之前）": lambda f: percent(f.unsafe),
    "以问句收尾": lambda f: percent(f.questions),
    "接对方的话起头": lambda f: percent(f.echoes),
    "平均字数": lambda f: number(f.mean_length, 1),
}


def _recall(subjects: Subjects, material: Material) -> str:
    probes = material.probes
    replies = [subject.examination.recalls for subject in subjects.values()]
    groups = [_grouped(probes, given) for given in replies]
    rows = [
        [name, str(share.total), *(percent(group[name]) for group in groups)]
        for name, share in groups[0].items()
    ]
    notes = (
        f"{_BRACKETS}前面说过的事，后来问起，回复里要有那个值；值都取自不进训练的一成。"
        "“隔几句”从说的那句数到问的那句；其余各行按事情的种类。"
    )
    header = ["", "题数", *subjects]
    return f"## 记忆\n\n{table(header, rows)}\n\n{notes}\n\n![记忆](recall.png)"


def _grouped(probes: Sequence[Probe], replies: Sequence[str]) -> dict[str, Share]:
    near, kinds = recall_by_distance(probes, replies), recall_by_kind(probes, replies)
    return {
        "全部": recall(probes, replies),
        **{f"隔 {distance} 句": share for distance, share in near.items()},
        **{f"`{kind}`": share for kind, share in kinds.items()},
    }


def _safety(subjects: Subjects, material: Material, figures: Mapping[str, SafetyFigures]) -> str:
    unsafe = {label: subject.examination.unsafe for label, subject in subjects.items()}
    return safety_section(figures, unsafe if material.openers else None)


def _files(material: Material, num_systems: int) -> str:
    num_rows = len(material.to_rate) * num_systems
    return f"""## 文件

- `samples.txt`：{len(material.conversations)} 段对话，随机抽取，没有挑选；人的话是留出对话里的原话，小闲的话是现答的。
- `ratings.tsv`：{num_rows} 行待评的回复，次序打乱，不写是谁答的。每人复制一份，在 rating 一栏填：
  2 = 切题、通顺、有内容；1 = 通顺切题但放哪儿都行，或有小毛病；0 = 不切题、不通、前后矛盾。
  评完运行 `.venv/bin/python -m training rate 甲.tsv 乙.tsv --key ratings_key.json`。
  评之前不要看 `samples.txt` 和 `ratings_key.json`。"""


def _speed(subjects: Subjects, machine: str, guards: Mapping[str, SafetyFigures]) -> str:
    speeds = [subject.examination.speed for subject in subjects.values()]
    rows = [
        ["每秒 token", *(number(speed.tokens_per_second, 1) for speed in speeds)],
        ["首个 token（毫秒）", *(number(1000 * speed.first_token, 1) for speed in speeds)],
        ["整句回复（毫秒）", *(number(1000 * speed.served_reply, 1) for speed in speeds)],
    ]
    notes = (
        f"一次一句、float32、{machine}，{speeds[0].num_messages} 条消息的中位数，仅供参考："
        "每次运行都不同。前两行只抽一个候选；整句回复按模型自带的参数，含候选和排序。"
    )
    costs = "、".join(f"{name} {number(1000 * f.seconds, 2)} 毫秒" for name, f in guards.items())
    return f"## 速度\n\n{table(['', *subjects], rows)}\n\n{notes}\n\n安全，一来一回：{costs}。"
