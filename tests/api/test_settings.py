from pathlib import Path

import pytest

from api.settings import Settings, SettingsError, load_settings
from chatbot.checkpoint import SHIPPED_CHECKPOINT


def test_the_defaults_are_the_shipped_checkpoint_on_this_machine_only() -> None:
    settings = load_settings()
    assert settings.checkpoint == SHIPPED_CHECKPOINT
    assert (settings.host, settings.port) == ("127.0.0.1", 8000)
    assert settings.sessions_url == "sqlite+aiosqlite:///data/xianliao.db"
    assert (settings.session_days, settings.require_key) == (0, False)


def test_the_environment_is_read_when_asked_and_arguments_win(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("XIANLIAO_PORT", "9001")
    monkeypatch.setenv("XIANLIAO_HOST", "0.0.0.0")
    monkeypatch.setenv("XIANLIAO_DATA_DIR", "/srv/xianliao")
    settings = load_settings({"port": "9002", "host": None})
    assert (settings.host, settings.port) == ("0.0.0.0", 9002)
    assert settings.data_dir == Path("/srv/xianliao")


def test_the_database_s_address_is_read_by_its_usual_name_too(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgres://a@b/usual")
    assert load_settings().sessions_url == "postgres://a@b/usual"
    monkeypatch.setenv("XIANLIAO_DATABASE_URL", "postgres://a@b/ours")
    assert load_settings().sessions_url == "postgres://a@b/ours"
    assert Settings(database_url="sqlite:///given.db").sessions_url == "sqlite:///given.db"


def test_an_empty_variable_counts_as_unset(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XIANLIAO_PORT", "")
    assert load_settings().port == 8000


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("XIANLIAO_PORT", "八千", "应是整数"),
        ("XIANLIAO_PORT", "70000", "最大是 65535"),
        ("XIANLIAO_MAX_MESSAGE_CHARS", "2001", "最大是 2000"),
        ("XIANLIAO_MAX_MESSAGE_CHARS", "0", "最小是 1"),
        ("XIANLIAO_MAX_HISTORY_UTTERANCES", "1.5", "应是整数"),
        ("XIANLIAO_MAX_BODY_BYTES", "1", "最小是 1024"),
        ("XIANLIAO_PRECISION", "int4", "应是 auto、int8、bfloat16、float32 之一"),
    ],
)
def test_a_bad_variable_is_named_in_one_line(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, words: str
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(SettingsError) as error:
        load_settings()
    line = str(error.value)
    assert name in line
    assert words in line
    assert "\n" not in line


def test_settings_cannot_be_changed_afterwards() -> None:
    with pytest.raises(ValueError, match="frozen"):
        Settings().port = 1  # type: ignore[misc]
