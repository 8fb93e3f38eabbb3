"""The second form, ``Linear(hidden, vocab_size)``: a new language head that writes what comes next.

The text is dialogues, and what is saved is a checkpoint of the dialogue model, untied: it talks.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from transformers import GPT2LMHeadModel

from chatbot.checkpoint import Checkpoint, load_checkpoint, save_checkpoint
from chatbot.dialogue import DialogueEncoder
from chatbot.known import KnownReply
from chatbot.models.head import BackboneWithHead
from training.config import TrainConfig
from training.dialogue_task import perplexity
from training.head.batches import Texts
from training.head.task import HeadTask
from training.samples import GENERATION, sample_replies
from training.state import Progress
from training.store import TokenStore


class GeneratorTask(HeadTask):
    """A new language head on the backbone of a dialogue model."""

    unit = "token"

    def __init__(
        self,
        checkpoint: Checkpoint,
        model: BackboneWithHead,
        stores: Path,
        config: TrainConfig,
        *,
        known: Sequence[KnownReply] = (),
        features: Path | None = None,
    ) -> None:
        """Read the stores ``train`` and ``valid`` for ``model``, which stands on ``checkpoint``."""
        self.checkpoint, self._known = checkpoint, known
        self._encoder = DialogueEncoder(checkpoint.tokenizer)
        self._generation = checkpoint.generation or GENERATION
        super().__init__(
            model,
            self._texts(stores / "train"),
            self._texts(stores / "valid"),
            config,
            features=features,
        )

    def describe(self, loss: float) -> str:
        """Return the perplexity of a loss in words."""
        return f"困惑度 {perplexity(loss):.2f}"

    def save(self, folder: Path, progress: Progress, loss: float) -> None:
        """Write the model as a checkpoint folder, to be served like any other."""
        facts: dict[str, Any] = {
            "steps": progress.step,
            "tokens": progress.num_tokens,
            "held_out_perplexity": round(perplexity(loss), 3),
        }
        save_checkpoint(
            folder,
            language_model(self.whole),
            self.checkpoint.tokenizer,
            name=str(self.checkpoint.manifest["name"]),
            generation=self._generation,
            facts=facts,
            known=self._known,
        )

    def samples(self) -> list[tuple[str, str]]:
        """Return replies to the fixed openers."""
        return sample_replies(language_model(self.whole), self._encoder, self._generation)

    def _texts(self, folder: Path) -> Texts:
        store = TokenStore(folder, self._encoder)
        ids = [store[place].tolist() for place in range(len(store))]
        return Texts(ids, None, padding=self._encoder.pad_id)


def new_language_head(init: Path) -> tuple[Checkpoint, BackboneWithHead]:
    """Return a dialogue model and its backbone under a new head."""
    checkpoint = load_checkpoint(init)
    backbone = checkpoint.model.transformer
    model = BackboneWithHead(backbone, backbone.config.vocab_size, pooling="none", bias=False)
    return checkpoint, model


def language_model(model: BackboneWithHead) -> GPT2LMHeadModel:
    """Return backbone and head as a ``GPT2LMHeadModel`` whose head is tied to nothing."""
    config: Any = model.backbone.config
    config.tie_word_embeddings, config.use_cache = False, True
    whole = GPT2LMHeadModel(config)
    whole.transformer, whole.lm_head = model.backbone, model.head
    return whole.eval()
