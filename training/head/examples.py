"""``label<TAB>text`` files, and the stratified split."""

import random
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from chatbot.head_folder import MAX_LABELS
from training.corpora import read_texts
from training.errors import ConfigError, CorpusError


@dataclass(frozen=True)
class Example:
    """A text and what it is."""

    label: str
    text: str


@dataclass(frozen=True)
class Split:
    """Examples to learn from and to judge by, and what their labels are.

    Attributes:
        labels: every label, the commonest first, equal ones in the order of the alphabet.
        num_dropped: texts that stood in the file before, under whatever label.
    """

    labels: tuple[str, ...]
    train: tuple[Example, ...]
    held_out: tuple[Example, ...]
    num_dropped: int = 0

    def counts(self) -> list[tuple[str, int, int]]:
        """Return (label, number in training, number held out) for every label."""
        train, held_out = (
            Counter(example.label for example in side) for side in (self.train, self.held_out)
        )
        return [(label, train[label], held_out[label]) for label in self.labels]

    @property
    def imbalance(self) -> float:
        """How many times as common the commonest label is as the rarest, in training."""
        counts = [num for _, num, _ in self.counts()]
        return max(counts) / max(min(counts), 1)


def read_examples(path: str | Path) -> list[Example]:
    """Read a file of ``label<TAB>text`` lines, which may be ``.gz`` or ``.xz``; blank lines pass.

    Raises:
        CorpusError: names file, line and remedy.
    """
    path = Path(path)
    if path.is_dir():
        raise CorpusError(path, None, "这是文件夹；DATA= 须是一个文件，一行一条“标签<制表符>文本”")
    examples = []
    for line in read_texts(path):
        label, tab, text = line.utterances[0].partition("\t")
        if not (tab and label.strip() and text.strip()):
            what = "须是“标签<制表符>文本”，两样都不能空；请改正这一行"
            raise CorpusError(path, line.line, what)
        examples.append(Example(label.strip(), text.strip()))
    if not examples:
        raise CorpusError(path, None, "文件是空的；须一行一条“标签<制表符>文本”")
    return examples


def split_examples(examples: Iterable[Example], *, share: float, seed: int) -> Split:
    """Hold out ``share`` of each label's texts, at least one where it has two or more.

    A text that occurs again is left out, so that none stands on both sides.

    Raises:
        ConfigError: the share is out of range, there are too few or too many labels, or none of
            them has two texts.
    """
    if not 0 < share < 1:
        raise ConfigError(f"留出的比例 {share} 不可用；须在 0 和 1 之间，例如 0.1")
    given = list(examples)
    once: dict[str, Example] = {}
    for example in given:
        once.setdefault(example.text, example)
    by_label: defaultdict[str, list[Example]] = defaultdict(list)
    for example in once.values():
        by_label[example.label].append(example)
    labels = sorted(by_label, key=lambda label: (-len(by_label[label]), label))
    if not 2 <= len(labels) <= MAX_LABELS:
        raise ConfigError(
            f"数据里有 {len(labels)} 种标签；须有 2 到 {MAX_LABELS:,} 种，请检查第一列"
        )
    chance = random.Random(seed)
    train: list[Example] = []
    held_out: list[Example] = []
    for label in labels:
        group = by_label[label]
        chance.shuffle(group)
        size = min(max(round(share * len(group)), 1), len(group) - 1)
        held_out += group[:size]
        train += group[size:]
    if not held_out:
        raise ConfigError("每种标签都只有一条，留不出验证集；请至少给一种标签两条")
    return Split(tuple(labels), tuple(train), tuple(held_out), len(given) - len(once))


def class_weights(labels: Sequence[str], examples: Iterable[Example]) -> list[float]:
    """Return a weight a label, the inverse of its frequency, with mean 1 over the examples."""
    counts = Counter(example.label for example in examples)
    total = sum(counts.values())
    return [total / (len(labels) * counts[label]) for label in labels]
