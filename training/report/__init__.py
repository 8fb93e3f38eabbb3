"""The report card of a checkpoint."""
