"""The character GPT learns to continue a novel."""
