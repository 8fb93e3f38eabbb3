"""The commands ``head``, ``head-compare``, ``guard`` and ``guard-test`` of ``python -m training``."""

from pathlib import Path
from typing import Annotated

import typer

from chatbot.checkpoint import SHIPPED_CHECKPOINT
from training.config import TrainConfig
from training.errors import ConfigError

_FORMS = ("classes", "generation")

Data = Annotated[
    Path, typer.Option(help="一行一条“标签<制表符>文本”；--form generation 时是对话语料")
]
Init = Annotated[str, typer.Option(help="预训练模型：文件夹或 hub 名")]


def head(
    data: Data,
    init: Init = str(SHIPPED_CHECKPOINT),
    freeze: Annotated[
        str, typer.Option(help="不练哪些：none、embeddings、1 到 N（前几层）、all、no_grad")
    ] = "none",
    form: Annotated[
        str, typer.Option(help="classes 分类；generation 换一个生成下一个词的头")
    ] = "classes",
    out: Annotated[Path, typer.Option(help="结果写到哪里")] = Path("runs/head"),
    resume: Annotated[bool, typer.Option("--resume", help="接着上次停下的地方练")] = False,
    pooling: Annotated[str, typer.Option(help="last 取最后一个词，mean 取平均")] = "last",
    balance: Annotated[bool, typer.Option(help="少的类加权，按频率的倒数")] = True,
    held_out: Annotated[float, typer.Option(help="每一类留出多少来验证")] = 0.1,
    max_length: Annotated[int, typer.Option(help="一条最多读多少个 token")] = 128,
    layers: Annotated[
        int | None, typer.Option(help="只用骨干的前几层", show_default="全部")
    ] = None,
    epochs: Annotated[
        int | None, typer.Option(help="最多练几遍", show_default="只练头 20，别的 4")
    ] = None,
    learning_rate: Annotated[
        float | None, typer.Option(help="学习率的峰值", show_default="只练头 1e-2，别的 3e-4")
    ] = None,
    batch_rows: Annotated[int, typer.Option(help="一次前向几条")] = 32,
    patience: Annotated[int, typer.Option(help="几次验证没有进步就停，0 不停")] = 3,
    seed: Annotated[int, typer.Option(help="随机种子")] = 0,
    precision: Annotated[str, typer.Option(help="auto、bfloat16、float32")] = "auto",
) -> None:
    """给预训练模型换一个头：分类，或者生成；骨干可冻结可微调。"""
    # Imported here: the model's libraries take seconds, and the other commands do without.
    from training.head.freezing import FINE_TUNING_RATE, HEAD_ONLY, HEAD_ONLY_RATE
    from training.head.train import HeadOptions, train_classifier, train_generator

    if form not in _FORMS:
        raise ConfigError(f"FORM={form} 不可用；须是 {' 或 '.join(_FORMS)}")
    head_only = freeze in HEAD_ONLY
    rate = HEAD_ONLY_RATE if head_only else FINE_TUNING_RATE
    config = TrainConfig(
        epochs=epochs if epochs is not None else (20 if head_only else 4),
        row_length=max_length,
        batch_rows=batch_rows,
        learning_rate=learning_rate if learning_rate is not None else rate,
        patience=patience,
        seed=seed,
        precision=precision,
    )
    options = HeadOptions(
        init=init,
        freeze=freeze,
        pooling=pooling,
        num_layers=layers,
        balance=balance,
        held_out=held_out,
    )
    train = train_classifier if form == "classes" else train_generator
    train(data, out, config, options, resume=resume)


def head_compare(
    data: Data,
    init: Init = str(SHIPPED_CHECKPOINT),
    epochs: Annotated[int, typer.Option(help="每种练几遍", min=1)] = 3,
    layers: Annotated[int, typer.Option(help="“冻结前几层”那一行冻结几层", min=1)] = 4,
    pooling: Annotated[str, typer.Option(help="last 取最后一个词，mean 取平均")] = "last",
    max_length: Annotated[int, typer.Option(help="一条最多读多少个 token")] = 128,
    seed: Annotated[int, typer.Option(help="随机种子")] = 0,
) -> None:
    """同一份数据，五种冻结法各练一次，列成一张表。"""
    from training.head.compare import as_table, compare

    measured = compare(
        data,
        init,
        epochs=epochs,
        num_frozen=layers,
        max_length=max_length,
        pooling=pooling,
        seed=seed,
    )
    print(as_table(measured))


def guard(
    cold: Annotated[Path, typer.Option(help="COLD 的训练集，一行一条“0|1<制表符>文本”")],
    out: Annotated[Path, typer.Option(help="结果写到哪里")] = Path("runs/guard"),
    resume: Annotated[bool, typer.Option("--resume", help="接着上次停下的地方练")] = False,
) -> None:
    """训练守门的分类器：一句话是不是冒犯。"""
    from training.head.guard import train_guard

    print(f"练好了：{train_guard(cold, out, resume=resume)}")


def guard_test(
    data: Annotated[Path, typer.Argument(help="没有训练过的数据，一行一条“0|1<制表符>文本”")],
    checkpoint: Annotated[
        Path | None, typer.Option(help="分类器的文件夹", show_default="自带的")
    ] = None,
) -> None:
    """考守门的分类器：AUC，选定的阈值和 0.5 处的精确率、召回率。"""
    from chatbot.classifier import SHIPPED_GUARD, load_classifier
    from training.head.guard import judge
    from training.head.guard_texts import read_labelled

    print(judge(load_classifier(checkpoint or SHIPPED_GUARD), read_labelled(data)))
