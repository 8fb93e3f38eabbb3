"""The training line: corpus, tokenizer, token store, packed batch, shift, model, checkpoint."""
