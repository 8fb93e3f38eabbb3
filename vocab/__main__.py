"""``python -m vocab build | inspect``: make a WordPiece table, measure its coverage."""

import sys
from itertools import chain
from pathlib import Path
from typing import Annotated

import typer

from vocab.build import build_vocab, measure_coverage, read_lines
from vocab.wordpiece import SHIPPED_VOCAB, VocabError, load_tokenizer

app = typer.Typer(add_completion=False, help="词表：从语料生成，或检查覆盖率。")


@app.command()
def build(
    corpora: Annotated[list[Path], typer.Argument(help="语料文件（.txt，可带 .gz / .xz）")],
    out: Annotated[Path, typer.Option(help="写到哪里")] = Path("vocab.txt"),
    size: Annotated[int, typer.Option(help="词表最多多少个词")] = 7500,
    min_count: Annotated[int, typer.Option(help="一个字至少出现几次才收")] = 2,
) -> None:
    """从语料生成 BERT WordPiece 词表。"""
    lines = chain.from_iterable(read_lines(path) for path in corpora)
    tokens = build_vocab(lines, size=size, min_count=min_count)
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text("".join(token + "\n" for token in tokens), encoding="utf-8")
    print(f"{out}：{len(tokens)} 个词")


@app.command()
def inspect(
    file: Annotated[Path, typer.Argument(help="要检查的文本")],
    vocab: Annotated[Path, typer.Option(help="词表")] = SHIPPED_VOCAB,
) -> None:
    """看词表对一个文件的覆盖率。"""
    tokenizer = load_tokenizer(vocab)
    coverage = measure_coverage(tokenizer, read_lines(file))
    print(f"词表 {len(tokenizer)} 个词；{file} 共 {coverage.num_tokens} 个 token")
    print(f"[UNK] {coverage.num_unknown} 个，占 {coverage.unknown_share:.4%}")
    if coverage.missing:
        print("最常缺的：" + "  ".join(f"{word}×{count}" for word, count in coverage.missing))


def main() -> None:
    """Run the command line; a mistake of the caller's ends in one line and exit code 2."""
    try:
        app()
    except (VocabError, OSError) as error:
        print(f"错误：{error}", file=sys.stderr)
        raise SystemExit(2) from None


if __name__ == "__main__":
    main()
