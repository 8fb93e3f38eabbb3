"""The exceptions a caller of ``training`` can meet; each message is one line with its remedy.

TrainingError
├── CorpusError    a corpus file is missing, empty or broken; names file and line
├── StoreError     a token store is missing, damaged or was made with another vocabulary
├── ConfigError    a configuration holds an unknown key or a value out of range
├── Diverged       the loss is not a number any more
├── OutOfMemory    a batch does not fit; names the setting and the value that fits
└── SaveError      nothing can be written; the last whole save stays
"""

from pathlib import Path


class TrainingError(Exception):
    """Base of all errors that ``training`` raises on purpose."""


class CorpusError(TrainingError):
    """A corpus file is missing, empty or broken."""

    def __init__(self, path: str | Path, line: int | None, what: str) -> None:
        place = f"{path}:{line}" if line is not None else str(path)
        super().__init__(f"{place}: {what}")
        self.path = Path(path)
        self.line = line


class StoreError(TrainingError):
    """A token store is missing, damaged or was made with another vocabulary."""


class ConfigError(TrainingError):
    """A configuration holds an unknown key or a value out of range."""


class Diverged(TrainingError):
    """The loss is not a number any more."""


class OutOfMemory(TrainingError):
    """A batch does not fit into memory."""


class SaveError(TrainingError):
    """Nothing can be written; the last whole save stays."""
