"""The name of the cookie by which the service knows a browser again."""

from typing import Final

COOKIE: Final = "xianliao"
