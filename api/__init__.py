"""The HTTP service: chat, sessions, health, and the chat page."""
