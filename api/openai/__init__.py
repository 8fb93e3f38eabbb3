"""OpenAI's chat completions in terms of ours: what its clients send, and what they get.

The model was trained on dialogues of two voices alone, so messages of the roles `system` and
`developer` are taken and left unused. What would change the reply and cannot be done is refused;
fields that are unknown, or have the value that changes nothing, pass.
"""
