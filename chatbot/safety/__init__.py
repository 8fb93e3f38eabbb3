"""What may come in and what may leave: normalisation, lexicon, guard."""
