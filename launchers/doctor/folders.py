"""Checks of the run folder: space, writing, renaming, locks, kind of file system."""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from misei.launchers.doctor.findings import Finding, failed, ok, warning
from misei.screening.store_file import network_file_system

FREE_TO_RUN_GB = 0.1
FREE_TO_BE_AT_EASE_GB = 2.0
FREE_FILES = 10_000
LOCK_TIMEOUT_S = 60

_TRY_LOCK = """
import fcntl, sys
try:
    fcntl.flock(open(sys.argv[1]), fcntl.LOCK_EX | fcntl.LOCK_NB)
except BlockingIOError:
    sys.exit(3)
"""
_TAKEN = 3


def existing_folder(path: Path) -> Path:
    """Return the folder itself, or the nearest one above it that exists."""
    path = path.absolute()
    return next((p for p in (path, *path.parents) if p.exists()), Path("/"))


def check_space(run_dir: Path) -> Iterator[Finding]:
    """Free space and free files where results go."""
    folder = existing_folder(run_dir)
    free = shutil.disk_usage(folder).free / 1e9
    status = os.statvfs(folder)
    found = f"{free:.1f} GB free in {folder}"
    if free < FREE_TO_RUN_GB:
        yield failed("space", found, "free some, or set MISEI_RUN_DIR to another file system")
    elif free < FREE_TO_BE_AT_EASE_GB:
        to_do = "a campaign may not fit: free some, or set MISEI_RUN_DIR to another file system"
        yield warning("space", found, to_do)
    elif status.f_files and status.f_favail < FREE_FILES:
        yield warning(
            "space",
            f"{found}, but room for {status.f_favail} files only",
            "remove files, or set MISEI_RUN_DIR to another file system",
        )
    else:
        yield ok("space", f"{found} (a quota of yours may be less)")


def check_run_dir(run_dir: Path, for_queue: bool) -> Iterator[Finding]:
    """Check writing, renaming and locks in the run folder; whether other machines see it."""
    folder = existing_folder(run_dir)
    try:
        with tempfile.TemporaryDirectory(prefix=".misei-doctor-", dir=folder) as probe:
            _rename(Path(probe))
            locks = _locks(Path(probe))
    except OSError as error:
        yield failed(
            "run_dir",
            f"{folder}: {error.strerror or error}",
            "set MISEI_RUN_DIR (or --run-dir) to a folder that you may write",
        )
        return
    new = "" if folder == run_dir.absolute() else f"; {run_dir} will be made"
    yield ok("run_dir", f"{folder} can be written, files renamed{new}")
    yield locks
    yield _sharing(run_dir, for_queue)


def _rename(probe: Path) -> None:
    """Replace a file by another, as results are written."""
    old, new = probe / "answer", probe / "answer.part"
    old.write_text("old")
    with new.open("w") as file:
        file.write("new")
        file.flush()
        os.fsync(file.fileno())
    new.replace(old)
    if old.read_text() != "new" or new.exists():
        raise OSError(None, "a file that was renamed over another did not take its place")


def _locks(probe: Path) -> Finding:
    """Whether a lock of this process keeps another process out, and lets it in afterwards."""
    path = probe / "lock"
    with path.open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            return _no_locks(f"no locks: {error.strerror or error}")
        if _other_process(path) != _TAKEN:
            return _no_locks("a lock does not keep other processes out")
        fcntl.flock(file, fcntl.LOCK_UN)
        if _other_process(path) != 0:
            return _no_locks("a lock that was given back is still held")
    return ok("file locks", "keep other processes out")


def _other_process(path: Path) -> int:
    command = [sys.executable, "-I", "-S", "-c", _TRY_LOCK, str(path)]
    return subprocess.run(command, capture_output=True, timeout=LOCK_TIMEOUT_S).returncode


def _no_locks(found: str) -> Finding:
    return failed(
        "file locks",
        found,
        "two runs may compute one job twice: use a file system with flock (Lustre: mounted with "
        "-o flock) for MISEI_RUN_DIR",
    )


def _sharing(run_dir: Path, for_queue: bool) -> Finding:
    if (kind := network_file_system(run_dir)) is not None:
        return ok("file system", f"{kind}, which other machines may see")
    if for_queue:
        return warning(
            "file system",
            f"{run_dir.absolute()} is on a disk of this machine",
            "set MISEI_RUN_DIR to a folder that compute nodes see (home, work, scratch); "
            "--test-job shows whether they see it",
        )
    return ok("file system", "of this machine")
