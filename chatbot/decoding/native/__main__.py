"""``python -m chatbot.decoding.native``: compile the kernels beside their sources."""

import sys

from chatbot.decoding.native.build import SOURCES, compile_into
from chatbot.errors import ChatbotError


def main() -> None:
    """Print the library's path; what stands in the way ends in one line and exit code 2."""
    try:
        print(compile_into(SOURCES))
    except (ChatbotError, OSError) as error:
        print(f"错误：{error}", file=sys.stderr)
        raise SystemExit(2) from None


if __name__ == "__main__":
    main()
