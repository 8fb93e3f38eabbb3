"""CTranslate2 (OpenNMT) with int8 weights and activations."""

import json
import tempfile
from pathlib import Path

from transformers import BertTokenizerFast, GPT2LMHeadModel

from benchmarks.contender import TOP_K, TOP_P, Ids

# The converter writes nulls for what the config of a GPT-2 does not name, and the loader refuses
# them.
_CONFIG = {
    "bos_token": "[CLS]",
    "eos_token": "[SEP]",
    "unk_token": "[UNK]",
    "layer_norm_epsilon": 1e-05,
    "multi_query_attention": False,
}


class Translate:
    """The model converted to CTranslate2's own form; it takes and gives tokens, not ids."""

    def __init__(
        self, model: GPT2LMHeadModel, tokenizer: BertTokenizerFast, num_threads: int
    ) -> None:
        """Convert and load."""
        import ctranslate2  # of the extra ``bench``

        table = tokenizer.get_vocab()
        self._tokens: list[str] = sorted(table, key=table.__getitem__)
        with tempfile.TemporaryDirectory() as folder:
            _convert(model, tokenizer, Path(folder))
            self._generator = ctranslate2.Generator(
                str(Path(folder) / "int8"),
                device="cpu",
                compute_type="int8",
                intra_threads=num_threads,
            )

    def generate(self, prompts: list[Ids], num_new_tokens: int) -> list[Ids]:
        """Return new ids for each prompt."""
        results = self._generator.generate_batch(
            [[self._tokens[id_] for id_ in prompt] for prompt in prompts],
            max_batch_size=len(prompts),
            min_length=num_new_tokens,
            max_length=num_new_tokens,
            end_token=[],
            sampling_topk=TOP_K,
            sampling_topp=TOP_P,
            include_prompt_in_result=False,
        )
        return [list(result.sequences_ids[0]) for result in results]


def _convert(model: GPT2LMHeadModel, tokenizer: BertTokenizerFast, folder: Path) -> None:
    """Write ``folder/int8``."""
    from ctranslate2.converters import TransformersConverter

    model.save_pretrained(folder / "hub")
    tokenizer.save_pretrained(folder / "hub")
    TransformersConverter(str(folder / "hub")).convert(str(folder / "int8"), quantization="int8")
    config = folder / "int8" / "config.json"
    config.write_text(json.dumps(json.loads(config.read_text("utf-8")) | _CONFIG), "utf-8")
