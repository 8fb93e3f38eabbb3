"""The exception a caller of ``benchmarks`` can meet; its message is one line with the remedy."""


class BenchmarkError(Exception):
    """What was asked for cannot be measured, or not fairly."""
