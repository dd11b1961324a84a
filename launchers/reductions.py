"""`misei reduce` on many formulas: where they come from and where the rows go."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

from rich.progress import track

from misei.launchers.commands.console import err
from misei.launchers.temperatures import at_temperature
from misei.screening.entries import EntrySource
from misei.screening.reduction_rows import (
    ROW_FORMATS,
    Failure,
    RowFormat,
    header,
    read_formulas,
    reduce_each,
    row,
)
from misei.screening.schemas_thermodynamics import ReductionDoc
from misei.screening.thermodynamics import reduce


class FormulaFileError(ValueError):
    """A file of formulas that cannot be read or holds none."""


class RowFormatError(ValueError):
    """A format of rows that misei does not write."""


def formulas_of(arguments: list[str], file: Path | None) -> list[str]:
    """Return the formulas of the command line, then those of a file (``-``: standard input).

    Raises
    ------
    FormulaFileError
        When the file cannot be read, or there is no formula at all.
    """
    formulas = list(arguments)
    if file is not None:
        try:
            text = sys.stdin.read() if str(file) == "-" else file.read_text()
        except (OSError, UnicodeDecodeError) as error:
            raise FormulaFileError(f"cannot read the formulas of {file}: {error}") from error
        formulas += read_formulas(text.splitlines())
    if not formulas:
        raise FormulaFileError(f"no formula given{f' in {file}' if file else ''}")
    return formulas


def row_format(name: str | None, output: Path | None) -> RowFormat | None:
    """Return the format asked for by name or by the suffix of the output; None: neither.

    Raises
    ------
    RowFormatError
        Names the valid ones.
    """
    chosen = name or (output.suffix.removeprefix(".") if output else None)
    if chosen is not None and chosen not in ROW_FORMATS:
        raise RowFormatError(f"unknown format {chosen!r}; valid: {', '.join(ROW_FORMATS)}")
    return chosen


def reducer(
    source: EntrySource, temperature: float | None, excluded: list[str]
) -> Callable[[str], ReductionDoc]:
    """Return the reduction of a formula at a temperature (K; None: without vibrations)."""
    return at_temperature(
        lambda formula, entries: reduce(formula, entries, excluded), source, temperature, excluded
    )


def write_rows(
    formulas: list[str],
    reduce_one: Callable[[str], ReductionDoc],
    format_: RowFormat,
    output: Path | None,
) -> int:
    """Write one row a formula as soon as it is found; return the number of failures."""
    failures = 0
    with _open(output) as stream:
        stream.write(header(format_))
        results = reduce_each(formulas, reduce_one)
        quiet = not err.is_terminal or stream.isatty()
        for result in track(
            results, "reducing", total=len(formulas), console=err, transient=True, disable=quiet
        ):
            failures += isinstance(result, Failure)
            stream.write(row(result, format_))
            stream.flush()
    return failures


@contextmanager
def _open(output: Path | None) -> Iterator[TextIO]:
    if output is None:
        yield sys.stdout
        return
    # Rows are seen while they come; a file left by an older run stays until the new one is whole.
    partial = output.with_name(output.name + ".partial")
    with partial.open("w") as stream:
        yield stream
    partial.replace(output)
