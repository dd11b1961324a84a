"""Full disks, disks that turn read-only, folders that go away: said in a line, nothing lost."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from ase.build import bulk
from fault_bench import bulky_jobs, contents, lines, removing, run_inline, told
from jobflow import Flow, Job
from local_jobs import make
from pymatgen.io.ase import AseAtomsAdaptor

from misei.launchers.local import RunReport
from misei.launchers.store import check_integrity, open_store
from misei.workflows.engines import get_engine

JOBS = 6


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 2 MB."""
    place = tmp_path / "disk"
    place.mkdir()
    _mounted("mount", "-t", "tmpfs", "-o", "size=2m,nr_inodes=64", "tmpfs", str(place))
    yield place
    subprocess.run(["umount", "--lazy", str(place)], check=True)


def _mounted(*command: str) -> None:
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        pytest.skip("needs the mount program")
    if done.returncode:
        pytest.skip(f"no file system can be mounted here: {done.stderr.strip()}")


def fill(disk: Path, left: int) -> Path:
    """Fill a disk until some bytes are left; return the file to remove."""
    free = os.statvfs(disk).f_bavail * os.statvfs(disk).f_frsize
    ballast = disk / "ballast"
    ballast.write_bytes(b"\xff" * (free - left))
    return ballast


class Run:
    """Bulky jobs, disturbed; what they give undisturbed is known."""

    def __init__(self, folder: Path, store: Path, run_dir: Path) -> None:
        self.folder, self.store, self.run_dir = folder, store, run_dir
        run_inline(self.jobs(), folder / "whole.sqlite", folder / "whole")
        self.whole = contents(folder / "whole.sqlite")
        (folder / "log.txt").unlink()

    def jobs(self) -> list[Job]:
        return bulky_jobs(str(self.folder / "log.txt"), JOBS)

    def __call__(self) -> RunReport:
        return run_inline(self.jobs(), self.store, self.run_dir)

    def check_goes_on(self, repeated: int) -> None:
        """What was stored stands; the rest is computed, and what was lost of it again."""
        before = contents(self.store)
        assert before.items() <= self.whole.items()
        assert check_integrity(self.store) == []
        report = self()
        assert report.failed == {}
        assert len(report.computed) <= JOBS - len(before)
        assert contents(self.store) == self.whole
        assert len(lines(self.folder)) <= JOBS + repeated


@pytest.mark.parametrize("also_jobs", [False, True], ids=["store", "store and jobs"])
def test_a_full_disk_under_the_store(
    also_jobs: bool, disk: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = Run(tmp_path, disk / "results.sqlite", (disk if also_jobs else tmp_path) / "run")
    ballast = fill(disk, 500_000)
    line = told(run, capsys)
    assert str(run.store) in line
    assert "full" in line
    assert "free some space and run again" in line
    assert 0 < len(lines(tmp_path)) < JOBS
    assert told(run, capsys) == line, "and again, as long as nothing is freed"
    ballast.unlink()
    run.check_goes_on(repeated=2 if also_jobs else 0)


def test_a_disk_that_is_full_from_the_start(
    disk: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = Run(tmp_path, disk / "results.sqlite", disk / "run")
    ballast = fill(disk, 0)
    assert str(run.store) in told(run, capsys)
    ballast.unlink()
    run.check_goes_on(repeated=0)


def test_a_full_disk_of_the_job_folders_costs_no_result(disk: Path, tmp_path: Path) -> None:
    """The answers reach the store without their files."""
    run = Run(tmp_path, tmp_path / "results.sqlite", disk / "run")
    fill(disk, 10_000)
    assert run().failed == {}
    assert contents(run.store) == run.whole


@pytest.mark.parametrize("fault", ["full", "read-only"])
def test_job_folders_that_cannot_be_made(
    fault: str, disk: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = Run(tmp_path, tmp_path / "results.sqlite", disk / "run")
    run_inline(run.jobs()[:2], run.store, run.run_dir)
    files = [disk / f"file {number}" for number in range(64)]
    if fault == "full":
        made = 0
        while os.statvfs(disk).f_ffree:
            files[made].touch()
            made += 1
    else:
        subprocess.run(["mount", "-o", "remount,ro", str(disk)], check=True)
    line = told(run, capsys)
    assert str(run.run_dir) in line
    assert ("No space left on device" if fault == "full" else "Read-only file system") in line
    assert "run again" in line
    assert len(contents(run.store)) == 2
    if fault == "full":
        for file in files:
            file.unlink(missing_ok=True)
    else:
        subprocess.run(["mount", "-o", "remount,rw", str(disk)], check=True)
    run.check_goes_on(repeated=0)


def test_a_disk_that_turns_read_only_while_a_job_runs(
    disk: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """What runs then is stored: the store is elsewhere."""
    run = Run(tmp_path, tmp_path / "results.sqlite", disk / "run")

    def lock(report: RunReport, name: str) -> None:
        if report.done == 2:
            subprocess.run(["mount", "-o", "remount,ro", str(disk)], check=True)

    line = told(lambda: run_inline(run.jobs(), run.store, run.run_dir, on_progress=lock), capsys)
    assert "Read-only file system" in line
    assert len(contents(run.store)) == 2
    subprocess.run(["mount", "-o", "remount,rw", str(disk)], check=True)
    run.check_goes_on(repeated=0)


def relaxation() -> Flow:
    crystal = AseAtomsAdaptor.get_structure(bulk("Cu", a=3.9).repeat((3, 3, 3)))
    crystal.perturb(0.1, seed=1)
    job = get_engine("emt").relax_ions(crystal, "relax")
    return Flow([job], output=job.output)


def test_a_full_disk_of_the_journal_fails_its_job_in_a_line_or_not_at_all(
    disk: Path, tmp_path: Path
) -> None:
    """Evaluations that were journaled are whole, those that were not are done again."""
    flow = relaxation()
    run_inline([flow], tmp_path / "whole.sqlite", tmp_path / "whole")
    whole = _output(tmp_path / "whole.sqlite", flow)
    ballast = fill(disk, 4096)  # two evaluations of 27 atoms and a part of one
    store = tmp_path / "results.sqlite"
    report = run_inline([relaxation()], store, disk / "run")
    assert all("No space left on device" in text for text in report.failed.values())
    ballast.unlink()
    assert run_inline([relaxation()], store, disk / "run").failed == {}
    assert _output(store, flow) == whole


def _output(store: Path, flow: Flow) -> object:
    output = open_store(store).get_output(flow.output.uuid, load=True)
    return {k: output["output"][k] for k in ("energy", "forces")}


@pytest.mark.parametrize("gone", ["the job's folder", "all folders"])
def test_folders_that_go_away_while_a_job_runs(gone: str, tmp_path: Path) -> None:
    """The job is run again in a new one; everything else stands."""
    run_dir, log = tmp_path / "run", tmp_path / "log.txt"
    jobs = [make(removing, f"job {n}", [], str(log), gone, str(run_dir)) for n in range(3)]
    report = run_inline(jobs, tmp_path / "results.sqlite", run_dir)
    assert report.failed == {}
    assert sorted(report.computed) == ["job 0", "job 1", "job 2"]
    assert sorted(lines(tmp_path)) == sorted(2 * ["job 0", "job 1", "job 2"])


def test_a_run_folder_removed_between_jobs(tmp_path: Path) -> None:
    run_dir, store = tmp_path / "run", tmp_path / "results.sqlite"
    report = run_inline(
        bulky_jobs(str(tmp_path / "log.txt"), 3),
        store,
        run_dir,
        on_progress=lambda report, name: shutil.rmtree(run_dir),
    )
    assert (report.failed, len(report.computed)) == ({}, 3)
    assert len(contents(store)) == 3
