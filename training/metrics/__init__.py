"""Figures of a checkpoint's report card: pure functions, each with its source."""
