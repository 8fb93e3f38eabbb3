"""Vocabularies: the WordPiece table of the dialogue model and how it is built."""
