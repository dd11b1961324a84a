"""Why a job failed, from what it, its worker or its queue left: the one line that says it."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from misei.launchers.fireworks.rockets import LAUNCH_FILES
from misei.launchers.queues.logs import problem_line
from misei.launchers.tracebacks import error_line

# What a queue system or the kernel writes when it ends a job.
_ENDED = re.compile(
    r"DUE TO|TIME.?LIMIT|TERM_|walltime|\bOOM\b|oom.?kill|[Oo]ut of memory|CANCELLED|NODE.?FAIL"
    r"|Killed|exceeded .*limit",
)
_READ_BYTES = 200_000


def files_error(folder: Path) -> str | None:
    """Return the first line of the error in the queue's files of a launch folder, None if none.

    The folder's parents up to the launch folder of the queue job are looked through too: a job
    runs in a folder inside it.
    """
    for place in (folder, *folder.parents):
        if place.name == "launches":
            break
        line = _error_in(_texts(place))
        if line is not None:
            return line
    return None


def _texts(folder: Path) -> list[str]:
    endings = (".error", ".out")
    return [_tail(f) for end in endings for f in sorted(folder.glob(f"{LAUNCH_FILES}*{end}"))]


def _tail(path: Path) -> str:
    try:
        with path.open("rb") as file:
            file.seek(max(0, path.stat().st_size - _READ_BYTES))
            return file.read().decode(errors="replace")
    except OSError:
        return ""


def _error_in(texts: Iterable[str]) -> str | None:
    texts = list(texts)
    for find in (_ended_line, problem_line, _misei_line):
        for line in map(find, texts):
            if line is not None:
                return line
    return None


def _ended_line(text: str) -> str | None:
    return next((line.strip() for line in text.splitlines() if _ENDED.search(line)), None)


def _misei_line(text: str) -> str | None:
    return next((line for line in text.splitlines() if line.startswith("misei: ")), None)


def launch_traceback(launch: dict[str, Any] | None, spec: dict[str, Any]) -> str | None:
    """Return the traceback of a Firework that failed; None where FireWorks has none."""
    if launch is None:
        details = spec.get("_exception_details") or {}
    else:
        stored = (launch.get("action") or {}).get("stored_data") or {}
        details = stored.get("_exception") or {}
    return str(details["_stacktrace"]) if details.get("_stacktrace") else None


def launch_error(launch: dict[str, Any] | None, spec: dict[str, Any]) -> str:
    """Return the first line of the error of a Firework that failed.

    Parameters
    ----------
    launch
        Document of its last launch, None where it was never run.
    spec
        Of the Firework.
    """
    traceback = launch_traceback(launch, spec)
    if traceback:
        return error_line(traceback)
    if launch is None:
        return "never run"
    return files_error(Path(launch["launch_dir"])) or "its worker was lost, and left no word"
