"""The commands ``prepare`` and ``dialogue`` of ``python -m training``."""

from pathlib import Path
from typing import Annotated

import typer

from chatbot.checkpoint import SHIPPED_CHECKPOINT, load_checkpoint
from chatbot.dialogue import DialogueEncoder
from training.config import TrainConfig
from training.dialogue import rehearse_dialogue, train_dialogue
from training.prepare import prepare_corpus, print_report
from training.recipe import PROVIDED_CORPUS

Corpus = Annotated[Path, typer.Option(help="语料文件或文件夹")]


def prepare(
    corpus: Corpus = PROVIDED_CORPUS,
    out: Annotated[Path, typer.Option(help="词元库写到哪里")] = Path("runs/stores"),
    vocab: Annotated[Path, typer.Option(help="用谁的词表（模型文件夹）")] = SHIPPED_CHECKPOINT,
    max_length: Annotated[int, typer.Option(help="一段最多多少个 token")] = 256,
    clean: Annotated[bool, typer.Option("--clean/--no-clean", help="过不过数据清洗")] = True,
    show_dropped: Annotated[int, typer.Option(help="每种原因打印几段丢弃的对话", min=0)] = 0,
) -> None:
    """把语料做成内存映射的词元库。"""
    encoder = DialogueEncoder(load_checkpoint(vocab).tokenizer)
    prepared = prepare_corpus(
        corpus, out, encoder, max_length=max_length, clean=clean, num_examples=show_dropped
    )
    print_report(prepared)


def dialogue(
    corpus: Corpus = PROVIDED_CORPUS,
    out: Annotated[Path, typer.Option(help="结果写到哪里")] = Path("runs/dialogue"),
    init: Annotated[str | None, typer.Option(help="接着哪个模型练：文件夹或 hub 名")] = None,
    config: Annotated[Path | None, typer.Option(help="从头练：GPT2Config 的 JSON")] = None,
    vocab: Annotated[
        Path | None,
        typer.Option(
            help="从头练用的词表；接着练时是原词表末尾加了新词的那份", show_default="随附的"
        ),
    ] = None,
    resume: Annotated[bool, typer.Option("--resume", help="接着上次停下的地方练")] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="只试几步，报步数、token、内存和时间，什么也不写")
    ] = False,
    epochs: Annotated[
        int | None,
        typer.Option(help="最多练几遍；不给就是接着练 2 遍，从头练 10 遍", show_default=False),
    ] = None,
    batch_rows: Annotated[int, typer.Option(help="一次前向几行")] = 16,
    accumulate: Annotated[int, typer.Option(help="几次前向更新一次")] = 1,
    row_length: Annotated[int, typer.Option(help="一行多少个 token")] = 256,
    learning_rate: Annotated[
        float | None,
        typer.Option(help="学习率的峰值；不给就是接着练 1e-4，从头练 1e-3", show_default=False),
    ] = None,
    freeze: Annotated[
        str, typer.Option(help="不练哪些：none、embeddings、1 到 N（前几层）、all-but-head")
    ] = "none",
    loss_on: Annotated[
        str, typer.Option(help="在哪些 token 上算损失：all、bot（小闲说的）、last（最后一句）")
    ] = "all",
    label_smoothing: Annotated[float, typer.Option(help="标签平滑，0 不用")] = 0.0,
    unlikelihood: Annotated[float, typer.Option(help="防重复的那一项的权重，0 不用")] = 0.0,
    patience: Annotated[int, typer.Option(help="几次验证没有进步就停，0 不停")] = 2,
    save_every: Annotated[int, typer.Option(help="几步存一次盘")] = 200,
    seed: Annotated[int, typer.Option(help="随机种子")] = 0,
    precision: Annotated[str, typer.Option(help="auto、bfloat16、float32")] = "auto",
    compile: Annotated[str, typer.Option(help="auto、on、off")] = "auto",
    sharding: Annotated[
        str, typer.Option(help="几个进程一起练时：none 各有整个模型，fsdp 把模型分开放")
    ] = "none",
    peak_tflops: Annotated[
        float, typer.Option(help="显卡 bf16 的峰值（TFLOPS，不算稀疏），0 按型号查")
    ] = 0.0,
) -> None:
    """准备语料并训练对话模型；不给 --init 和 --config 时接着随附的模型练。"""
    if init is None and config is None:
        init = str(SHIPPED_CHECKPOINT)
    settings = TrainConfig(
        epochs=epochs if epochs is not None else (2 if init else 10),
        batch_rows=batch_rows,
        accumulate=accumulate,
        row_length=row_length,
        learning_rate=learning_rate if learning_rate is not None else (1e-4 if init else 1e-3),
        freeze=freeze,
        loss_on=loss_on,
        label_smoothing=label_smoothing,
        unlikelihood=unlikelihood,
        patience=patience,
        save_every=save_every,
        seed=seed,
        precision=precision,
        compile=compile,
        sharding=sharding,
        peak_tflops=peak_tflops,
    )
    if dry_run:
        print(rehearse_dialogue(corpus, settings, init=init, model_config=config, vocab=vocab))
        return
    train_dialogue(
        corpus, out, settings, init=init, model_config=config, vocab=vocab, resume=resume
    )
