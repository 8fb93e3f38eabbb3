"""The novelist: a character GPT out of a checkpoint folder, and the text that it goes on writing.

model.safetensors       the weights of a ``CharGPT``, float16; never a pickle
config.json             its ``CharGPTConfig``
chars.json              the characters it knows (vocab/chars.py)
generation_config.json  the writing defaults (writing.py), and how a chapter opens
manifest.json           name, format, figures, and the SHA-256 of every other file
"""

import dataclasses
import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Self

import torch
from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor

from chatbot.errors import CheckpointError, InvalidParams, InvalidPrompt
from chatbot.folder import read_json, replace_folder, stage_folder, write_json
from chatbot.manifest import MANIFEST, verified_manifest, write_manifest
from chatbot.models.char_gpt import CharGPT, CharGPTConfig
from chatbot.writing import WritingParams
from vocab.chars import CharVocab, UnknownCharacters
from vocab.wordpiece import VocabError

SHIPPED_NOVELIST = Path(__file__).with_name("checkpoints") / "novelist"
WEIGHTS, CONFIG, CHARS = "model.safetensors", "config.json", "chars.json"
GENERATION = "generation_config.json"
_MODEL_TYPE = "char_gpt"
DEFAULTS = WritingParams()


class Novelist:
    """A character GPT that writes. It keeps no state, so several threads may write at once.

    Attributes:
        model: float32, in eval mode.
        vocab: the characters it knows.
        name: its name.
        opening: how its chapters begin, such as "第".
        defaults: its own writing parameters.
    """

    def __init__(
        self,
        model: CharGPT,
        vocab: CharVocab,
        *,
        name: str,
        opening: str,
        defaults: WritingParams = DEFAULTS,
    ) -> None:
        """Take a model over."""
        self.model, self.vocab = model.eval(), vocab
        self.name, self.opening, self.defaults = name, opening, defaults

    @classmethod
    def from_folder(cls, folder: str | Path) -> Self:
        """Load and verify a folder that ``save`` wrote.

        Raises:
            CheckpointError: it is missing, incomplete, corrupt, or no novelist's.
        """
        folder = Path(folder)
        for name in (WEIGHTS, CONFIG, CHARS, GENERATION, MANIFEST):
            if not (folder / name).is_file():
                what = f"没有 {name}，不是续写模型的文件夹" if folder.is_dir() else "找不到文件夹"
                raise CheckpointError(f"{folder}: {what}；用 make train-novel 练一个，或检查路径")
        manifest = verified_manifest(folder)
        vocab = _read_vocab(folder / CHARS)
        model = _read_model(folder, len(vocab))
        opening, defaults = _read_generation(folder / GENERATION)
        return cls(model, vocab, name=manifest["name"], opening=opening, defaults=defaults)

    def save(self, folder: Path, *, facts: dict[str, Any] | None = None) -> None:
        """Write a folder atomically: a reader sees the old one or the new one, whole.

        Args:
            facts: anything else the manifest should hold (data, steps, figures).
        """
        staging = stage_folder(folder)
        weights = {
            key: tensor.detach().to("cpu", torch.float16).contiguous()
            for key, tensor in self.model.state_dict().items()
        }
        (staging / WEIGHTS).write_bytes(save(weights, metadata={"format": "pt"}))
        shape = dataclasses.asdict(self.model.config)
        write_json(staging / CONFIG, {"model_type": _MODEL_TYPE, **shape})
        self.vocab.save(staging / CHARS)
        generation = {"opening": self.opening, **dataclasses.asdict(self.defaults)}
        write_json(staging / GENERATION, generation)
        write_manifest(staging, self.name, facts, (WEIGHTS, CONFIG, CHARS, GENERATION))
        replace_folder(staging, folder)

    def write(self, prompt: str, params: WritingParams) -> Iterator[str]:
        """Return the continuation of a text, character by character, the prompt not repeated.

        A text longer than the model's window goes on from its last characters. Without a prompt
        a chapter begins. The same seed writes the same text.

        Raises:
            InvalidPrompt: the prompt holds characters that the model does not know; at once, not
                at the first character.
        """
        prompt = prompt.replace("\r\n", "\n").replace("\r", "\n")
        opening = "" if prompt else self.opening
        try:
            ids = self.vocab.encode(f"\n{prompt}" if prompt else f"\n\n{opening}")
        except UnknownCharacters as error:
            raise InvalidPrompt(str(error)) from None
        characters = itertools.chain(opening, self._continue(ids, params.seeded()))
        return itertools.islice(characters, params.max_new_chars)

    def _continue(self, ids: list[int], params: WritingParams) -> Iterator[str]:
        """Yield characters without end."""
        assert params.seed is not None
        generator = torch.Generator().manual_seed(params.seed)
        while True:
            ids = ids[-self.model.config.window :]
            ids.append(self._next_id(ids, params, generator))
            yield self.vocab.itos[ids[-1]]

    @torch.inference_mode()
    def _next_id(self, ids: list[int], params: WritingParams, generator: torch.Generator) -> int:
        logits = self.model(torch.tensor([ids]))[0, -1]  # (V,)
        return int(logits.argmax()) if params.is_greedy else draw(logits, params, generator)


def draw(logits: Tensor, params: WritingParams, generator: torch.Generator) -> int:
    """Draw an id by the softmax of logits ``(V,)``: temperature, then top-k, then top-p."""
    logits = logits - logits.max()  # so that nothing overflows
    probabilities, ids = (logits / params.temperature).softmax(dim=0).sort(descending=True)
    probabilities = probabilities[: params.top_k or None]
    probabilities /= probabilities.sum()
    likelier = probabilities.cumsum(dim=0) - probabilities  # what those before have together
    kept = likelier < params.top_p
    kept[0] = True  # also under a top_p so small that it becomes zero here
    return int(ids[torch.multinomial(probabilities[kept], 1, generator=generator)])


def _read_vocab(path: Path) -> CharVocab:
    try:
        return CharVocab.load(path)
    except VocabError as error:
        raise CheckpointError(str(error)) from None


def _read_model(folder: Path, num_chars: int) -> CharGPT:
    """Return the model of a folder, float32 and in eval mode."""
    values = read_json(folder / CONFIG)
    if values.pop("model_type", None) != _MODEL_TYPE:
        raise CheckpointError(
            f"{folder / CONFIG}: 不是续写模型的配置；请换成 make train-novel 练出的"
        )
    try:
        config = CharGPTConfig(**values)
        model = CharGPT(config)
        model.load_state_dict(load((folder / WEIGHTS).read_bytes()))
    except (TypeError, ValueError, RuntimeError, SafetensorError) as error:
        what = " ".join(str(error).split())[:200]
        raise CheckpointError(
            f"{folder}: 权重与 {CONFIG} 不符（{what}）；请放回相配的一对"
        ) from None
    if config.vocab_size != num_chars:
        raise CheckpointError(
            f"{folder / CHARS}: 有 {num_chars} 个字，模型却有 {config.vocab_size} 个；请放回相配的一对"
        )
    return model.eval()


def _read_generation(path: Path) -> tuple[str, WritingParams]:
    values = read_json(path)
    opening = values.pop("opening", None)
    try:
        if not isinstance(opening, str):
            raise TypeError("opening 须是一段文字")
        return opening, WritingParams(**values)
    except (TypeError, InvalidParams) as error:
        raise CheckpointError(f"{path}: {error}；请改正或重新取得") from None
