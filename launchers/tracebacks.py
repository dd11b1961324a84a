"""The one line of a traceback that people look for."""

from __future__ import annotations

_TRACEBACK = "Traceback (most recent call last)"


def error_line(text: str) -> str:
    """Return the line of a traceback that names the exception; of another text the last line.

    Of exceptions that were caught and raised again, the last one.
    """
    lines = [line for line in text.splitlines() if line.strip()]
    starts = [n for n, line in enumerate(lines) if line.startswith(_TRACEBACK)]
    if starts:
        for line in lines[starts[-1] + 1 :]:
            if not line.startswith(" "):
                return line.strip()
    return lines[-1].strip() if lines else ""
