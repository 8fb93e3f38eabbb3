"""The results as Markdown, in Chinese: a table a model, with the targets beside the ratios."""

from collections.abc import Iterable, Iterator
from statistics import median

from benchmarks.contender import TOP_K, TOP_P
from benchmarks.machine import Machine
from benchmarks.peers import PEERS
from benchmarks.perplexity import TARGET, Perplexities
from benchmarks.results import Figure, Results
from benchmarks.subjects import SUBJECTS
from benchmarks.workload import WORKLOADS, Workload
from training.report.markdown import NOTHING, table

_HEADER = ("做什么", "对手", "我们", "对手的", "倍数（最小–最大）", "目标", "带宽上限")
_METHOD = (
    f"每次用新的随机提示，top-k {TOP_K}、top-p {TOP_P}、温度 1，各方写的词元数固定，遇到结束符也"
    "不停。各方用同一个模型，各在自己的进程里，先跑一遍不计时，然后我们一次、对手一次轮流跑，逐对相除；倍数是各对的"
    "中位数，大于 1 是我们快。速度也取中位数，整个调用都算在内，读提示也算。“带宽上限”按实测的"
    "内存带宽算：每一步至少要读一遍我们的权重和各路的键、值；小模型装得进 CPU 的缓存，不受它限制。"
)


def render(results: Results) -> str:
    """Return the whole file."""
    parts = ["# 速度：和别的引擎并排跑", *_facts(results), _METHOD]
    for name, subject in SUBJECTS.items():
        figures = [figure for figure in results.figures if figure.subject == name]
        if figures:
            parts += [f"## {subject.title}", *_work(figures), _speed_table(figures)]
    if results.quality:
        parts += ["## int8 让回复变差了吗", _quality_table(results.quality.perplexities)]
    return "\n\n".join(parts) + "\n"


def line(figure: Figure) -> str:
    """Return a figure for the terminal."""
    peer = PEERS[figure.peer].title
    ours, theirs, ratio = _cells(figure)
    workload = WORKLOADS[figure.workload].title
    return f"{workload}：我们 {ours}，{peer} {theirs}，{ratio} 倍"


def quality_line(found: Perplexities) -> str:
    """Return the perplexities for the terminal."""
    return f"困惑度：int8 {found.int8:.3f}，float32 {found.float32:.3f}，{found.ratio:.4f} 倍"


def _facts(results: Results) -> Iterator[str]:
    machine = results.machine
    runs = "\n".join(f"- {run}" for run in results.runs)
    yield f"机器：{_machine(machine)}。版本：{'，'.join(machine.versions)}。"
    yield f"命令：\n\n{runs}"


def _machine(machine: Machine) -> str:
    facts = [
        machine.processor or "不知名的 CPU",
        f"{machine.num_cores} 核，各方 {machine.num_threads} 个线程",
        f"指令集 {' '.join(machine.flags) or '未知'}",
        *([machine.gpu] if machine.gpu else []),
    ]
    return "，".join(facts)


def _work(figures: list[Figure]) -> Iterator[str]:
    """Say what is done once for all workloads of one kind."""
    workloads = [WORKLOADS[name] for name in dict.fromkeys(f.workload for f in figures)]
    yield "\n".join(dict.fromkeys(_told(workload) for workload in workloads))
    yield f"我们的引擎在这里选的精度：{'、'.join(dict.fromkeys(f.precision for f in figures))}。"


def _told(workload: Workload) -> str:
    if workload.num_turns == 1:
        return (
            f"每路读 {workload.utterance_length} 个词元，写 {workload.num_new_tokens} 个；"
            "表中是各路合计每秒写的词元。"
        )
    return (
        f"一段对话的第 {workload.num_turns} 轮：前面 {workload.num_turns - 1} 轮共 "
        f"{workload.history_length} 个词元（每句 {workload.utterance_length} 个，"
        f"每答 {workload.reply_length} 个），新的一句 {workload.utterance_length} 个；表中是从收到它"
        "到写出首个词元的时间。前几轮由我们的引擎自己答过，键和值还留着；对手拿到的是全文。"
    )


def _speed_table(figures: list[Figure]) -> str:
    order = sorted(figures, key=lambda f: (_place(f.workload, WORKLOADS), _place(f.peer, PEERS)))
    rows = []
    for figure in order:
        titles = (WORKLOADS[figure.workload].title, PEERS[figure.peer].title)
        ceilings = [f.ceiling for f in figures if f.workload == figure.workload and f.ceiling]
        rows.append((*titles, *_cells(figure), _target(figure), _ceiling(ceilings)))
    return table(_HEADER, rows)


def _place(name: str, among: Iterable[str]) -> int:
    return list(among).index(name)


def _cells(figure: Figure) -> tuple[str, str, str]:
    """Return our speed, the peer's, and the ratio with its range."""
    workload = WORKLOADS[figure.workload]
    ratios = figure.race.ratios
    return (
        _speed(workload, median(figure.race.ours)),
        _speed(workload, median(figure.race.theirs)),
        f"{figure.race.ratio:.2f}（{min(ratios):.2f}–{max(ratios):.2f}）",
    )


def _speed(workload: Workload, seconds: float) -> str:
    if workload.num_new_tokens == 1:
        return f"{1000 * seconds / workload.num_calls:.1f} 毫秒"
    return f"{workload.num_tokens / seconds:,.0f} 词元/秒"


def _target(figure: Figure) -> str:
    target = SUBJECTS[figure.subject].targets.get((figure.workload, figure.peer))
    if target is None:
        return NOTHING
    return f"≥ {target:g}，{'达到' if figure.race.ratio >= target else '未到'}"


def _ceiling(found: list[float]) -> str:
    """Show the highest, since whoever else used the memory made the others low."""
    return f"{max(found):,.0f} 词元/秒" if found else NOTHING


def _quality_table(found: Perplexities) -> str:
    reached = "达到" if found.ratio <= TARGET else "未到"
    header = ("随附的小闲，留出的对话", "int8", "float32", "倍数", "目标")
    row = (
        f"困惑度，{found.num_tokens:,} 个词元",
        f"{found.int8:.3f}",
        f"{found.float32:.3f}",
        f"{found.ratio:.4f}",
        f"≤ {TARGET:g}，{reached}",
    )
    return table(header, [row])
