"""Memory dialogues that the program makes up, and probes for recall."""
