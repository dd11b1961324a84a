"""Damaged, older and newer stores under a run; journals and answers that were cut short."""

from __future__ import annotations

import os
import random
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest
from bson import json_util
from fault_bench import (
    bulky_jobs,
    contents,
    in_children,
    lines,
    run_inline,
    small_flow,
    told,
)
from jobflow import Flow, Job
from typer.testing import CliRunner

from misei.launchers.cli import app
from misei.launchers.job_runs import (
    ANSWER_FILE,
    find_or_claim,
    job_folder,
    left_answer,
    run_job,
    with_inputs,
)
from misei.launchers.local import RunReport
from misei.launchers.store import open_store
from misei.workflows.journal import Journal

PAGE = 4096
NEWER = 1_000_000


class Bench:
    """A store that a run has finished with, and what was in it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.store = folder / "results.sqlite"
        self.log = str(folder / "log.txt")
        in_children(self.run_and_close)  # this process has not opened the file
        copy = folder / "copy.sqlite"
        copy.write_bytes(self.store.read_bytes())
        self.whole = contents(copy)

    def flows(self) -> list[Flow | Job]:
        return [small_flow(self.log), *bulky_jobs(self.log, 3)]

    def run(self) -> RunReport:
        return run_inline(self.flows(), self.store, self.folder / "run")

    def run_and_close(self) -> None:
        store = open_store(self.store)
        run_inline(self.flows(), store, self.folder / "run")
        store.close()

    def files(self) -> list[Path]:
        return sorted(self.folder.glob("results.sqlite*"))


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    made = Bench(tmp_path)
    assert made.files() == [made.store], "closed: no log is left beside it"
    assert len(made.whole) == 9
    return made


def _truncated(length: Callable[[int], int]) -> Callable[[Path], None]:
    return lambda store: os.truncate(store, length(store.stat().st_size))


def _garbage(store: Path) -> None:
    store.write_bytes(random.Random(1).randbytes(store.stat().st_size))


def _newer(store: Path) -> None:
    with closing(sqlite3.connect(store)) as connection:
        connection.execute(f"PRAGMA user_version={NEWER}")


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (_truncated(lambda size: size // 2), "is damaged"),
        (_truncated(lambda size: 100), "is damaged"),
        (_truncated(lambda size: size - PAGE), "is damaged"),
        (_truncated(lambda size: size - 1), "is damaged"),
        (_garbage, "no SQLite file"),
        (_newer, f"newer misei (version {NEWER}"),
    ],
    ids=["half", "header", "last page", "last byte", "garbage", "newer"],
)
def test_a_damaged_store_stops_a_run_and_is_left_alone(
    damage: Callable[[Path], None],
    said: str,
    bench: Bench,
    capsys: pytest.CaptureFixture[str],
) -> None:
    damage(bench.store)
    before = bench.store.read_bytes()
    line = told(bench.run, capsys)
    assert str(bench.store) in line
    assert said in line
    assert "aside" in line or "another file" in line, "what to do"
    assert bench.store.read_bytes() == before
    bench.store.rename(bench.folder / "aside")
    for log in bench.files():
        log.rename(bench.folder / f"aside {log.name}")
    assert bench.run().failed == {}
    assert contents(bench.store) == bench.whole


@pytest.mark.parametrize("command", ["screen", "rank"])
def test_the_command_line_says_it_in_a_line(
    command: str, bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    os.truncate(bench.store, bench.store.stat().st_size // 2)
    campaign = bench.folder / "campaign.yaml"
    campaign.write_text("name: one\nelectrolytes: [Li6PS5Cl]\nmetals: [Ag]\nscreen: emt\n")
    monkeypatch.setenv("MISEI_STORE", str(bench.store))
    monkeypatch.setenv("MISEI_RUN_DIR", str(bench.folder / "run"))
    done = CliRunner().invoke(app, [command, str(campaign)])
    assert done.exit_code == 2
    assert len(done.stderr.splitlines()) == 1
    assert f"misei: {bench.store} is damaged" in done.stderr


def test_an_empty_store_is_begun(bench: Bench) -> None:
    os.truncate(bench.store, 0)
    assert len(bench.run().computed) == 9
    assert contents(bench.store) == bench.whole


@pytest.fixture
def crashed(tmp_path: Path) -> Bench:
    """A run that ended without closing its store: results are in the -wal file."""
    made = Bench(tmp_path)
    for file in made.files():
        file.unlink()
    in_children(made.run)
    assert Path(f"{made.store}-wal").stat().st_size > PAGE
    return made


@pytest.mark.parametrize("kept", [0, 32, 1000, 0.3, 0.7, 0.95, None])
def test_a_store_that_lost_a_part_of_its_log_goes_on(kept: float | None, crashed: Bench) -> None:
    """What the log lost is computed again, and what it kept is whole."""
    wal = Path(f"{crashed.store}-wal")
    Path(f"{crashed.store}-shm").unlink(missing_ok=True)
    if kept is None:
        wal.unlink()
    else:
        os.truncate(wal, int(kept if kept > 1 else kept * wal.stat().st_size))
    before = contents(crashed.store)
    assert before.items() <= crashed.whole.items()
    report = crashed.run()
    assert report.failed == {}
    assert contents(crashed.store) == crashed.whole


def test_a_lost_store_is_not_begun_over_its_log(
    crashed: Bench, capsys: pytest.CaptureFixture[str]
) -> None:
    wal = Path(f"{crashed.store}-wal")
    before = wal.read_bytes()
    os.truncate(crashed.store, 0)
    assert "results are left in its -wal file" in told(crashed.run, capsys)
    assert wal.read_bytes() == before


def _write_first_layout(path: Path, store: Path) -> None:
    """Write the documents of a store as the first version of misei did: without records."""
    opened = open_store(store)
    tables = {"docs": opened.docs_store, "data": opened.additional_stores["data"]}
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("PRAGMA journal_mode=WAL")
        for table, source in tables.items():
            connection.execute(
                f"CREATE TABLE {table} (id INTEGER PRIMARY KEY, key TEXT, uuid TEXT, "
                '"index" INTEGER, name TEXT, doc TEXT NOT NULL)'
            )
            for column in ("key", "uuid", "name"):
                connection.execute(f"CREATE INDEX {table}_{column} ON {table}({column})")
            for doc in source.query():
                doc.pop("_id")
                values = [doc.get(name) for name in ("blob_uuid", "uuid", "index", "name")]
                connection.execute(
                    f'INSERT INTO {table}(key, uuid, "index", name, doc) VALUES (?, ?, ?, ?, ?)',
                    [*values, json_util.dumps(doc)],
                )


def test_results_of_an_older_version_are_found(bench: Bench) -> None:
    """A job that was replaced is told by its last output; nothing of it is run again."""
    older = bench.folder / "older.sqlite"
    _write_first_layout(older, bench.folder / "copy.sqlite")
    done = lines(bench.folder)
    report = run_inline(bench.flows(), older, bench.folder / "run")
    assert (report.failed, report.computed) == ({}, [])
    assert lines(bench.folder) == done
    again = {identity: text.split(', ["')[0] for identity, text in contents(older).items()}
    assert {k: t.removesuffix(", null]") for k, t in again.items()} == {
        k: t.split(', ["')[0] for k, t in bench.whole.items()
    }


def test_an_answer_cut_anywhere_is_ignored(tmp_path: Path) -> None:
    """Or full of zeros, as a file system leaves it whose machine went down."""
    store, run_dir = open_store(tmp_path / "results.sqlite"), tmp_path / "run"
    (job,) = small_flow(str(tmp_path / "log.txt")).jobs[:1]
    folder = job_folder(run_dir, job)
    find_or_claim(store, job, folder)
    answer = run_job(with_inputs(job, store), str(folder))
    file = folder / ANSWER_FILE
    assert left_answer(folder, []) == answer == file.read_text()
    whole = file.read_bytes()
    for length in range(len(whole)):
        os.truncate(file, length) if length == 0 else file.write_bytes(whole[:length])
        assert left_answer(folder, []) is None, length
    for rest in (b"", whole[: len(whole) // 2], bytes(len(whole))):
        folder.mkdir(exist_ok=True)
        file.write_bytes(rest)
        store.remove_docs({})
        report = run_inline([job], store, run_dir)
        assert (report.failed, report.computed) == ({}, ["first"])
        assert [doc["output"]["value"] for doc in store.query()] == [1.0]


def _evaluations() -> dict[bytes, dict[str, object]]:
    generator = np.random.default_rng(1)
    return {
        bytes([number]) * 16: {
            "energy": float(generator.normal()),
            "free_energy": float(generator.normal()),
            "stress": generator.normal(size=6),
            "forces": generator.normal(size=(2, 3)),
        }
        for number in range(1, 4)
    }


def _same(left: dict[bytes, dict[str, object]], right: dict[bytes, dict[str, object]]) -> bool:
    return repr(left) == repr(right)


def test_a_journal_cut_anywhere_keeps_whole_evaluations(tmp_path: Path) -> None:
    path, evaluations = tmp_path / "evaluations_a_1.bin", _evaluations()
    journal, ends = Journal(path), [0]
    for key, results in evaluations.items():
        journal.append(key, results)
        ends.append(path.stat().st_size)
    whole = path.read_bytes()
    for tail in (b"", bytes(100), b"\xff" * 100):
        for length in range(len(whole) + 1):
            path.write_bytes(whole[:length] + tail)
            count = sum(end <= length for end in ends) - 1
            kept = dict(list(evaluations.items())[:count])
            again = Journal(path)
            assert _same(again.known, kept), (length, tail[:1])
            assert path.stat().st_size == ends[count]
        again.append(b"k" * 16, evaluations[b"\1" * 16])
        assert _same(Journal(path).known, {**evaluations, b"k" * 16: evaluations[b"\1" * 16]})
