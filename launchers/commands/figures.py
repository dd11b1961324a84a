"""Files of figures."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from misei.launchers.commands import console

if TYPE_CHECKING:
    from misei.screening.plots.files import Plot

Output = Annotated[
    list[Path],
    typer.Option(
        "--output", "-o", help="File, .html (interactive) or .png (print); may be repeated."
    ),
]


def write(plot: Plot, files: list[Path], as_json: bool) -> None:
    """Write a figure to all files, and print their paths.

    Raises
    ------
    PlotFileError
        As :func:`misei.screening.plots.files.write_plot`.
    """
    from misei.screening.plots.files import write_plot

    for file in files:
        write_plot(plot, file)
    console.print_files(files, as_json)
