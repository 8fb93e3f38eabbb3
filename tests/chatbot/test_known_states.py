"""States of known replies: which are alike, and the file that holds them."""

import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from chatbot.errors import CheckpointError
from chatbot.known_states import NUM_AXES, KnownStates, read_states, write_states

Floats = NDArray[np.float32]
Arrays = dict[str, Any]
NUM, WIDTH = 40, 24


def random_states(num: int = NUM, width: int = WIDTH, seed: int = 0) -> Floats:
    """States around a centre of their own, whose axes differ in scale."""
    rng = np.random.default_rng(seed)
    scales, center = rng.uniform(0.1, 5, width), rng.normal(0, 9, width)
    return (rng.normal(size=(num, width)) * scales + center).astype(np.float32)


@pytest.fixture
def states() -> KnownStates:
    return KnownStates.of(random_states())


@pytest.fixture
def path(tmp_path: Path, states: KnownStates) -> Path:
    write_states(tmp_path / "known.npz", states)
    return tmp_path / "known.npz"


def arrays(states: KnownStates) -> Arrays:
    return {"center": states.center, "axes": states.axes, "vectors": states.vectors}


def read(path: Path, num_known: int = NUM, width: int = WIDTH) -> KnownStates:
    return read_states(path, num_known=num_known, width=width)


def test_a_state_is_like_itself_and_less_like_any_other(states: KnownStates) -> None:
    for place, state in enumerate(random_states()):
        likeness = states.likeness(state)
        assert likeness.shape == (NUM,)
        assert likeness[place] == pytest.approx(1.0, abs=0.04)  # on few steps
        assert int(likeness.argmax()) == place
        assert np.abs(likeness).max() < 1.04


def test_likeness_is_the_cosine_of_states_whose_every_number_counts_alike() -> None:
    known, asked = random_states(), random_states(1, seed=1)[0]
    spread = (known - known.mean(axis=0)) / known.std(axis=0)
    query = (asked - known.mean(axis=0)) / known.std(axis=0)
    expected = spread @ query / np.linalg.norm(spread, axis=1) / np.linalg.norm(query)
    found = KnownStates.of(known).likeness(asked)
    np.testing.assert_allclose(found, expected, atol=0.03)


def test_the_nearer_state_is_the_liker_one() -> None:
    known = random_states(400)
    states = KnownStates.of(known)
    near, far = (known[7] + share * (known[8] - known[7]) for share in (0.2, 0.4))
    assert states.likeness(known[7])[7] > states.likeness(near)[7] > states.likeness(far)[7]
    assert states.likeness(far)[8] > states.likeness(near)[8] > states.likeness(known[7])[8]


@pytest.mark.parametrize(("width", "num_axes"), [(24, 24), (32, 32), (100, NUM_AXES)])
def test_no_more_axes_than_a_state_has_numbers_or_are_asked_for(width: int, num_axes: int) -> None:
    known = random_states(width=width)
    states = KnownStates.of(known)
    assert (states.axes.shape, states.vectors.shape) == ((width, num_axes), (NUM, num_axes))
    assert states.center.shape == (width,)
    assert states.vectors.dtype == np.int8
    assert len(states) == NUM
    assert states.likeness(known[3])[3] == pytest.approx(1.0, abs=0.04)


def test_the_axes_that_are_kept_are_those_along_which_states_differ_most() -> None:
    rng = np.random.default_rng(0)
    told = rng.normal(size=(200, 2)) @ rng.normal(size=(2, WIDTH))  # all lies in a plane, but
    known = (told + rng.normal(0, 0.01, (200, WIDTH))).astype(np.float32)  # for a little noise
    two, all_of_them = KnownStates.of(known, 2), KnownStates.of(known)
    for state in known[:20]:
        np.testing.assert_allclose(two.likeness(state), all_of_them.likeness(state), atol=0.05)


def test_states_without_any_difference_are_like_nothing_and_do_no_harm() -> None:
    states = KnownStates.of(np.ones((3, WIDTH), np.float32))
    for state in (np.ones(WIDTH, np.float32), np.zeros(WIDTH, np.float32)):
        likeness = states.likeness(state)
        assert likeness.tolist() == [0, 0, 0]
    alone = KnownStates.of(random_states(1))
    assert np.isfinite(alone.likeness(random_states(1, seed=2)[0])).all()


def test_a_turn_that_was_not_read_is_like_nothing() -> None:
    """Its state is zeros (``corpus_states``), wherever the others lie."""
    known = random_states()
    known[[5, 17]] = 0.0
    states = KnownStates.of(known)
    for state in (*known[:5], np.zeros(WIDTH, np.float32), *random_states(9, seed=3)):
        likeness = states.likeness(state)
        assert np.isfinite(likeness).all()
        assert likeness[[5, 17]].tolist() == [0, 0]
    assert states.likeness(known[4])[4] == pytest.approx(1.0, abs=0.02)


def test_what_is_written_is_read(path: Path, states: KnownStates) -> None:
    again = read(path)
    for name, array in arrays(states).items():
        found = getattr(again, name)
        assert found.dtype == array.dtype
        np.testing.assert_array_equal(found, array)
    state = random_states(1, seed=1)[0]
    np.testing.assert_allclose(again.likeness(state), states.likeness(state), atol=1e-6)


@pytest.mark.parametrize(("num_known", "width"), [(NUM - 1, WIDTH), (NUM, WIDTH + 1), (0, WIDTH)])
def test_states_of_other_replies_or_another_model_are_refused(
    path: Path, num_known: int, width: int
) -> None:
    what = rf"known\.npz: 与 {num_known} 条现成回答、{width} 维的模型对不上；请重新"
    with pytest.raises(CheckpointError, match=what) as caught:
        read(path, num_known, width)
    assert "\n" not in str(caught.value)


def without(name: str) -> Callable[[Arrays], Arrays]:
    return lambda found: {key: array for key, array in found.items() if key != name}


def with_(name: str, change: Callable[[NDArray[Any]], NDArray[Any]]) -> Callable[[Arrays], Arrays]:
    return lambda found: {**found, name: np.array(change(found[name]), order="C")}


@pytest.mark.parametrize(
    "spoil",
    [
        *(without(name) for name in ("center", "axes", "vectors")),
        with_("vectors", lambda array: array.astype(np.float32)),
        with_("vectors", lambda array: array[:, :-1]),
        with_("center", lambda array: array.astype(np.float64)),
        with_("axes", lambda array: array[:-1]),
        with_("axes", lambda array: array[0]),
        with_("axes", lambda array: array[0, 0]),
        with_("axes", lambda array: array.astype(np.int64)),
    ],
)
def test_arrays_that_lack_or_are_of_another_kind_are_refused(
    path: Path, states: KnownStates, spoil: Callable[[Arrays], Arrays]
) -> None:
    np.savez_compressed(path, **spoil(arrays(states)))
    with pytest.raises(CheckpointError, match=r"known\.npz: .*；请重新取得或重新训练"):
        read(path)


def test_a_pickle_inside_is_refused(path: Path, states: KnownStates) -> None:
    center = np.array(list(states.center), dtype=object)
    np.savez_compressed(path, **{**arrays(states), "center": center})
    with pytest.raises(CheckpointError, match=r"known\.npz: 读不了（.*）；请重新取得或重新训练"):
        read(path)


def test_a_file_that_is_none_of_its_kind_is_refused(path: Path) -> None:
    whole = path.read_bytes()
    middle = len(whole) // 2
    flipped = whole[:middle] + bytes([whole[middle] ^ 255]) + whole[middle + 1 :]
    for content in (whole[:-1], whole[:9], b"", b"\xff" * 64, b"{}", flipped):
        path.write_bytes(content)
        with pytest.raises(CheckpointError, match=r"读不了（.*）；请重新取得") as caught:
            read(path)
        assert "\n" not in str(caught.value)
    path.unlink()
    with pytest.raises(CheckpointError, match="读不了"):
        read(path)


def test_a_file_of_numpy_that_is_no_npz_is_refused(path: Path) -> None:
    with path.open("wb") as file:
        np.save(file, np.zeros(3))
    with pytest.raises(CheckpointError, match=r"读不了（.*）；请重新取得"):
        read(path)


def test_a_zip_of_other_files_is_refused(path: Path) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        for name in ("center", "axes", "vectors"):
            archive.writestr(name, "text")
    with pytest.raises(CheckpointError, match="；请重新取得或重新训练"):
        read(path)
