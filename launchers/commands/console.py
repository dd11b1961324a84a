"""What the command line prints: tables, progress, errors. Results to stdout, the rest to stderr."""

from __future__ import annotations

import json
import signal
import sys
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import wraps
from typing import TYPE_CHECKING, Any, ParamSpec, Protocol, TypeAlias, TypeVar

import typer
from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    SpinnerColumn,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.table import Table

from misei.launchers.tracebacks import error_line

if TYPE_CHECKING:
    from pathlib import Path

    from pydantic import BaseModel

    from misei.launchers.local import RunReport

BAD_INPUT = 2
FAILED_RUN = 1
STOPPED = 130  # as shells say of Ctrl-C

# A file or a pipe has no width: wide enough that no table folds.
out = Console(width=None if sys.stdout.isatty() else 160)
err = Console(stderr=True)
P = ParamSpec("P")
T = TypeVar("T")


class Counted(Protocol):
    """A report that knows how much of its work is done."""

    @property
    def done(self) -> int: ...  # noqa: D102
    @property
    def total(self) -> int: ...  # noqa: D102


OnProgress: TypeAlias = Callable[[Counted, str], None]


def one_line_errors(command: Callable[P, T]) -> Callable[P, T]:
    """Turn the errors that misei raises for bad input into one line and exit code 2.

    Ctrl-C and SIGTERM (a queue at the walltime) end a command in order, with exit code 130.
    """

    @wraps(command)
    def wrapper(*args: P.args, **kwargs: P.kwargs) -> T:
        try:
            with _sigterm_as_ctrl_c():
                return command(*args, **kwargs)
        except KeyboardInterrupt as error:
            print("misei: stopped; what was finished is kept, run again to go on", file=sys.stderr)
            raise typer.Exit(STOPPED) from error
        except ValueError as error:
            # Only our own error classes speak to users; any other is a defect and shows itself.
            if not type(error).__module__.startswith("misei."):
                raise
            print(f"misei: {' '.join(str(error).split())}", file=sys.stderr)
            raise typer.Exit(BAD_INPUT) from error

    return wrapper


@contextmanager
def _sigterm_as_ctrl_c() -> Iterator[None]:
    if threading.current_thread() is not threading.main_thread():
        yield  # Python sets handlers in the main thread only
        return
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def print_json(value: Any) -> None:
    """Print one JSON document, and nothing else, on stdout."""
    print(json.dumps(value, indent=2, default=str))


def plain(document: BaseModel, **dump: Any) -> dict[str, Any]:
    """Return a document as JSON types, computed properties included."""
    return document.model_dump(mode="json", **dump)


def print_documents(documents: Iterable[BaseModel], without: set[str]) -> None:
    """Print documents as one JSON list, without some of their fields."""
    print_json([plain(document, exclude=without) for document in documents])


def print_files(files: Iterable[Path], as_json: bool) -> None:
    """Print the paths of files written, one a line, or as one JSON document."""
    if as_json:
        print_json({"files": [str(file) for file in files]})
    else:
        for file in files:
            print(file)


def print_table(title: str, columns: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """Print a table; numbers are rounded to three decimals, None is a dash."""
    table = Table(title=title, title_justify="left", header_style="bold")
    for column in columns:
        table.add_column(column, overflow="fold")
    for row in rows:
        table.add_row(*(_cell(value) for value in row))
    out.print(table)


def _cell(value: object) -> str:
    if value is None:
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.3f}"
    return str(value)


@contextmanager
def progress(stage: str) -> Iterator[OnProgress]:
    """Show stage, done/total and time left on stderr; plain lines where it is no terminal."""
    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(elapsed_when_finished=True),
    )
    with Progress(*columns, console=err, disable=not err.is_terminal) as bar:
        task = bar.add_task(stage, total=None)

        def on_progress(report: Counted, name: str) -> None:
            bar.update(task, completed=report.done, total=report.total, description=name)
            if not err.is_terminal:
                err.print(f"{stage}: {report.done}/{report.total} {name}", soft_wrap=True)

        yield on_progress


def exit_if_failed(names: Sequence[str]) -> None:
    """End the command with exit code 1 where results are missing, and name them."""
    if names:
        err.print(f"no result for {', '.join(names)}: see the failures above")
        raise typer.Exit(FAILED_RUN)


def print_report(report: RunReport) -> None:
    """Say on stderr what a run did, with the error of each job that failed."""
    err.print(
        f"{len(report.computed)} computed, {len(report.reused)} found in the store, "
        f"{len(report.failed)} failed, {len(report.skipped)} not run"
    )
    for name, trace in report.failed.items():
        err.print(f"failed: {name}: {error_line(trace)}", soft_wrap=True)
    if report.failed:
        err.print("whole tracebacks: misei status --tracebacks")
