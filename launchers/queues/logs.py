"""The real error in what a queue system and its jobs wrote."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

LOG_FOLDER = "queue_logs"

# What the queue systems, shells and Python write when a job goes wrong.
_PROBLEM = re.compile(
    r"""^(?:
        slurmstepd:\ error:.*
      | (?:sbatch|srun|qsub|bsub|qstat|squeue):\ .*
      | =>>\ PBS:\ .*
      | TERM_[A-Z]+:.*
      | .*:\ line\ \d+:\ .*
      | .*:\ (?:command\ not\ found|No\ such\ file\ or\ directory|Permission\ denied)$
      | .*\b(?:error|ERROR):\ .*
      | (?:[A-Za-z_]\w*\.)*[A-Z]\w*(?:Error|Exception)(?::\ .*)?
    )$""",
    re.VERBOSE,
)
# An end that was asked for, in dask's words.
_NOISE = re.compile(r"CommClosedError|CancelledError|CANCELLED AT .* \*\*\*$(?<!TIME LIMIT \*\*\*)")
_OUT_OF_MEMORY = re.compile(
    r"\boom[-_ ]?kill|out of memory|TERM_MEMLIMIT|\bv?mem(?:ory)?\b.*exceed", re.IGNORECASE
)
# Logs of workers that ran for a week may be long; the cause of an end stands at the end.
_TAIL_BYTES = 200_000


def problem_line(text: str) -> str | None:
    """Return the first line of a text that tells of an error; None where none does."""
    for line in text.splitlines():
        if _PROBLEM.match(line.strip()) and not _NOISE.search(line):
            return line.strip()
    return None


def queue_problem(folder: Path, job_id: str | None = None) -> str | None:
    """Return the first line of the real error in the log files of queue jobs.

    Parameters
    ----------
    folder
        Of the log files, e.g. ``RUN_DIR/queue_logs``.
    job_id
        Only this queue job's files; by default all, those written last first.

    Returns
    -------
    str or None
        The line, e.g. ``slurmstepd: error: *** JOB 12 ON n1 CANCELLED AT ... DUE TO TIME LIMIT
        ***`` or ``ModuleNotFoundError: No module named 'misei'``; None where no file has one.
    """
    for text in _logs(folder, job_id):
        problem = problem_line(text)
        if problem is not None:
            return problem
    return None


def ran_out_of_memory(folder: Path, job_id: str) -> bool:
    """Return whether the queue system says that a job was killed for its memory."""
    return any(_OUT_OF_MEMORY.search(text) for text in _logs(folder, job_id))


def _logs(folder: Path, job_id: str | None) -> Iterable[str]:
    names = re.compile(rf"(?<!\d){job_id}(?!\d)" if job_id else "")
    # Hidden files hold the credentials of workers.
    files = [f for f in folder.glob("[!.]*") if f.is_file() and names.search(f.name)]
    for file in sorted(files, key=lambda f: f.stat().st_mtime, reverse=True):
        with file.open("rb") as log:
            log.seek(max(0, file.stat().st_size - _TAIL_BYTES))
            yield log.read().decode(errors="replace")
