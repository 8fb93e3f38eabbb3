"""The quick way to ids is the usual one, only quicker."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatbot.dialogue import DialogueEncoder
from training.bulk import BulkEncoder
from vocab.wordpiece import SHIPPED_VOCAB, load_tokenizer

ENCODER = DialogueEncoder(load_tokenizer(SHIPPED_VOCAB))
BULK = BulkEncoder(ENCODER, np.dtype(np.uint16))
TEXT = st.text(
    st.sampled_from("你好，。！？…～—Aa1é\u0301 \u3000\u200b\ufffd[SEP]「」𠮷😀ﬀ龘　")
    | st.characters(exclude_categories=["Cs"])
)


@given(st.lists(TEXT, max_size=6))
def test_it_encodes_as_the_tokenizer_does(texts: list[str]) -> None:
    found = BULK.encode(texts)
    assert [ids.tolist() for ids in found] == ENCODER.encode_utterances(texts)


@pytest.mark.parametrize("dtype", [np.uint16, np.uint32])
def test_ids_have_the_type_of_the_store(dtype: type[np.unsignedinteger]) -> None:
    found = BulkEncoder(ENCODER, np.dtype(dtype)).encode(["你好。", "hello 你好", ""])
    assert {ids.dtype for ids in found} == {np.dtype(dtype)}


def test_plain_chinese_never_reaches_the_tokenizer(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    bulk = BulkEncoder(ENCODER, np.dtype(np.uint16))
    bulk.encode(["你好，在吗？"])
    monkeypatch.setattr(ENCODER, "encode_utterances", lambda texts: asked.extend(texts) or [])
    assert len(bulk.encode(["在吗？你好，好。"[:6]])[0]) == 6
    assert asked == []
