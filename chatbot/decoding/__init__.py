"""The decoding engine: ids and sampling parameters in, ids out; no text, no HTTP, no files."""
