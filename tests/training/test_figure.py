"""The loss curve: what is drawn, and that an image comes out."""

from pathlib import Path

from matplotlib.figure import Figure

from training.figure import draw_curves


def test_both_curves_are_drawn_over_their_steps(tmp_path: Path, drawn: list[Figure]) -> None:
    records = [
        {"step": 0, "valid_loss": 5.0},
        {"step": 10, "loss": 4.0},
        {"step": 20, "loss": 3.0, "tokens_per_second": 5},
        {"step": 20, "valid_loss": 3.5, "samples": []},
    ]
    draw_curves(records, tmp_path / "loss.png")
    (axes,) = drawn[0].axes
    found = {line.get_label(): line.get_xydata().tolist() for line in axes.lines}
    assert found == {
        "training": [[10.0, 4.0], [20.0, 3.0]],
        "held out": [[0.0, 5.0], [20.0, 3.5]],
    }
    assert "nats" in axes.get_ylabel()
    assert (tmp_path / "loss.png").read_bytes().startswith(b"\x89PNG")


def test_nothing_to_draw_is_no_error(tmp_path: Path, drawn: list[Figure]) -> None:
    draw_curves([], tmp_path / "loss.png")
    assert not drawn[0].axes[0].lines
    assert (tmp_path / "loss.png").is_file()
