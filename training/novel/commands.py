"""``python -m training novel | novel-compare``: train a character GPT on a text, beside a GPT-2."""

from pathlib import Path
from typing import Annotated

import typer

from training.config import TrainConfig
from training.novel.text import STORY
from training.novel.train import Shape, train_novel

Novel = Annotated[Path, typer.Option(help="小说：文件，或放着 .txt 的文件夹；UTF-8 或 GB18030")]
Window = Annotated[int, typer.Option(help="一次看多少个字")]
Layers = Annotated[int, typer.Option(help="几层")]
Heads = Annotated[int, typer.Option(help="每层几个注意力头")]
HiddenSize = Annotated[int, typer.Option(help="多宽，须是头数的倍数")]
BatchRows = Annotated[int, typer.Option(help="一次前向几个窗口")]
LearningRate = Annotated[float, typer.Option(help="学习率的峰值")]
Dropout = Annotated[float, typer.Option(help="随机丢弃的比例；越大越不容易背书")]
Seed = Annotated[int, typer.Option(help="随机种子")]
Precision = Annotated[str, typer.Option(help="auto、bfloat16、float32")]
Compile = Annotated[str, typer.Option(help="auto、on、off")]


def novel(
    novel: Novel = STORY,
    out: Annotated[Path, typer.Option(help="结果写到哪里")] = Path("runs/novel"),
    resume: Annotated[bool, typer.Option("--resume", help="接着上次停下的地方练")] = False,
    window: Window = 128,
    layers: Layers = Shape.num_layers,
    heads: Heads = Shape.num_heads,
    hidden_size: HiddenSize = Shape.hidden_size,
    epochs: Annotated[int, typer.Option(help="最多练几遍")] = 60,
    batch_rows: BatchRows = 32,
    learning_rate: LearningRate = 1e-3,
    dropout: Dropout = 0.3,
    validate_every: Annotated[int, typer.Option(help="几步验证一次；0 为每遍一次")] = 100,
    patience: Annotated[int, typer.Option(help="几次验证没有进步就停，0 不停")] = 0,
    seed: Seed = 0,
    precision: Precision = "auto",
    compile: Compile = "auto",
) -> None:
    """从零训练一个续写小说的字符 GPT。"""
    config = TrainConfig(
        epochs=epochs,
        row_length=window,
        batch_rows=batch_rows,
        learning_rate=learning_rate,
        dropout=dropout,
        validate_every=validate_every,
        patience=patience,
        seed=seed,
        precision=precision,
        compile=compile,
    )
    shape = Shape(num_layers=layers, num_heads=heads, hidden_size=hidden_size)
    train_novel(novel, out, config, shape, resume=resume)


def novel_compare(
    novel: Novel = STORY,
    out: Annotated[Path, typer.Option(help="结果写到哪里")] = Path("runs/novel-compare"),
    window: Window = 128,
    layers: Layers = Shape.num_layers,
    heads: Heads = Shape.num_heads,
    hidden_size: HiddenSize = Shape.hidden_size,
    epochs: Annotated[int, typer.Option(help="各练几遍")] = 2,
    batch_rows: BatchRows = 32,
    learning_rate: LearningRate = 1e-3,
    dropout: Dropout = 0.0,
    seed: Seed = 0,
    precision: Precision = "auto",
    compile: Compile = "auto",
) -> None:
    """和 transformers.Trainer 练的同样大小的 GPT-2 比：同样的窗口、字数、留出的结尾。"""
    # Imported here: it needs an extra that other commands do without.
    from training.novel.compare import compare_novel

    config = TrainConfig(
        epochs=epochs,
        row_length=window,
        batch_rows=batch_rows,
        learning_rate=learning_rate,
        dropout=dropout,
        patience=0,
        seed=seed,
        precision=precision,
        compile=compile,
    )
    shape = Shape(num_layers=layers, num_heads=heads, hidden_size=hidden_size)
    results = compare_novel(novel, out, config, shape)
    print("| 模型 | 参数 | 练了多少字 | 留出的结尾，每字比特 | 用时 |\n|---|---|---|---|---|")
    for result in results:
        print(
            f"| {result.name} | {result.num_weights:,} | {result.num_chars:,} "
            f"| {result.bits_per_char:.3f} | {result.seconds / 60:.1f} 分钟 |"
        )
