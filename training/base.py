"""``base``: the whole recipe of the shipped checkpoint, stage after stage, resumable."""

from collections.abc import Iterator
from itertools import islice
from pathlib import Path

from transformers import BertTokenizerFast, GPT2LMHeadModel

from chatbot.checkpoint import load_checkpoint
from chatbot.dialogue import DialogueEncoder
from training.clean import Cleaner, CleanRules
from training.config import fit_model_config
from training.corpora import Dialogue, read_dialogues, read_texts
from training.dialogue_task import DialogueTask
from training.errors import CorpusError
from training.known import add_known, corpus_replies
from training.loop import Outcome, Trainer, seed_everything
from training.memory.fillers import read_fillers
from training.memory.generate import generate
from training.packing import Mixture
from training.prepare import prepare_corpus, progress_bar, write_gated
from training.recipe import PROVIDED, PROVIDED_CORPUS, Recipe, Source, Stage
from training.samples import GENERATION
from training.state import saved_state
from training.store import TokenStore
from vocab.wordpiece import SHIPPED_VOCAB, load_tokenizer

_MEMORY_SEED = 1  # not that of the corpus' own generated file


def train_base(recipe: Recipe, corpora: Path, out: Path) -> Path:
    """Run the recipe's stages; return the folder of the finished checkpoint.

    A stage that is done is skipped and one that was stopped goes on where it was saved.

    Raises:
        CorpusError: a corpus of the recipe is not in ``corpora``.
    """
    tokenizer = load_tokenizer(SHIPPED_VOCAB)
    encoder = DialogueEncoder(tokenizer)
    prepare_sources(recipe, corpora, out / "stores", encoder)
    model = _new_model(recipe, tokenizer, recipe.stages[0].train.seed)
    folder = out
    for stage in recipe.stages:
        folder = out / stage.name
        if not (folder / "done").is_file():
            outcome = _run_stage(recipe, stage, model, encoder, out)
            (folder / "done").write_text(f"{outcome}\n", encoding="utf-8")
        model = load_checkpoint(folder / "best").model
    add_known(folder / "best", PROVIDED_CORPUS)
    return folder / "best"


def prepare_sources(recipe: Recipe, corpora: Path, out: Path, encoder: DialogueEncoder) -> None:
    """Write the stores of every corpus that is not there yet."""
    max_length = recipe.model["n_positions"]
    files = [source.file for source in recipe.sources.values() if source.file]
    missing = [file for file in files if not (corpora / file).is_file()]
    if missing:
        raise CorpusError(
            corpora, None, f"缺少 {'、'.join(missing)}；用 CORPORA= 指明公开语料的文件夹"
        )
    for name, source in recipe.sources.items():
        if (out / name).is_dir():
            continue
        rules = CleanRules(
            drop_self_harm=source.drop_self_harm,
            drop_stage_directions=source.drop_stage_directions,
        )
        cleaner = Cleaner(rules)
        with progress_bar() as progress:
            stream = _read(source, corpora)
            write_gated(out / name, progress, stream, cleaner, encoder, max_length=max_length)
        print(f"{name}: 留下 {cleaner.num_kept:,} 段，丢弃 {dict(cleaner.dropped)}", flush=True)
    if not (out / PROVIDED / "valid").is_dir():  # the second of its two
        prepare_corpus(PROVIDED_CORPUS, out / PROVIDED, encoder, max_length=max_length)


def _read(source: Source, corpora: Path) -> Iterator[Dialogue]:
    if source.generated:
        return _generate(source.generated)
    path = corpora / source.file
    read = read_texts if source.prose else read_dialogues
    stream = read(path)
    if not source.leave_last:
        return stream
    count = sum(1 for _ in read(path))
    return islice(stream, max(count - source.leave_last, 0))


def _generate(count: int) -> Iterator[Dialogue]:
    dialogues = generate(count, _MEMORY_SEED, read_fillers(PROVIDED_CORPUS))
    for number, utterances in enumerate(dialogues, start=1):
        yield Dialogue(utterances, Path("memory"), number)


def _new_model(recipe: Recipe, tokenizer: BertTokenizerFast, seed: int) -> GPT2LMHeadModel:
    seed_everything(seed)
    return GPT2LMHeadModel(fit_model_config(recipe.model, tokenizer))


def _run_stage(
    recipe: Recipe, stage: Stage, model: GPT2LMHeadModel, encoder: DialogueEncoder, out: Path
) -> Outcome:
    stores = out / "stores"
    folders = {name: stores / name for name in stage.mix}
    if PROVIDED in folders:
        folders[PROVIDED] = stores / PROVIDED / "train"
    mixture = Mixture(
        tuple(TokenStore(folder, encoder) for folder in folders.values()),
        tuple(stage.mix.values()),
    )
    valid = Mixture((TokenStore(stores / PROVIDED / "valid", encoder),), (1.0,))
    folder = out / stage.name
    print(f"阶段 {stage.name}：约 {mixture.num_tokens * stage.train.epochs:,} 个 token", flush=True)
    task = DialogueTask(
        model,
        encoder,
        mixture,
        valid,
        stage.train,
        name=recipe.name,
        generation=GENERATION,
        known=corpus_replies(PROVIDED_CORPUS) if PROVIDED in folders else (),
    )
    trainer = Trainer(task, stage.train, folder, data=mixture.digest, flops=task.flops)
    return trainer.run(resume=saved_state(folder / "state") is not None)
