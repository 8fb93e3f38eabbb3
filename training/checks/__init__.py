"""The rules that a dialogue corpus of this project keeps."""
