"""The bot: how a dialogue becomes ids, the decoding engine, safety, and the serving line."""
