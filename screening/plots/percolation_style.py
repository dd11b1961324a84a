"""What the figures of percolation have in common."""

from __future__ import annotations

from textwrap import fill

METAL = "Metal volume fraction V<sub>f,M</sub> (%)"
PRINTED_METAL = "Metal volume fraction $V_{\\mathrm{f,M}}$ (%)"
THRESHOLD = "threshold V<sub>p</sub>"
PRINTED_THRESHOLD = "threshold $V_{\\mathrm{p}}$"
BAND_OPACITY = 0.22  # of the interval of the threshold, in print
NOTE_WIDTH = 130  # characters of the small print below a printed figure


def small_print(text: str) -> str:
    """Return a note in lines as long as a printed figure is wide."""
    return fill(text, NOTE_WIDTH)
