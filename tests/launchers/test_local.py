"""The local runner: dependencies, dynamic flows, failures, reuse, kills."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from concurrent.futures import Future
from pathlib import Path
from typing import Any

import local_jobs as jobs
import pytest
from ase.build import bulk
from jobflow import Flow, JobStore
from local_jobs import make
from pymatgen.io.ase import AseAtomsAdaptor

from misei.launchers.job_runs import (
    find_or_claim,
    find_records,
    job_folder,
    run_job,
    with_inputs,
)
from misei.launchers.local import KILLED_WORKER, RunReport, run_flows
from misei.launchers.pools import InlinePool, JobPool, local_pool
from misei.launchers.store import open_store
from misei.workflows.engines import get_engine


class Bench:
    """A store, a log of side effects and a folder to run in."""

    def __init__(self, folder: Path, pool: JobPool) -> None:
        self.folder = folder
        self.pool = pool
        self.log = str(folder / "log.txt")
        self.store: JobStore = open_store(folder / "results.sqlite")

    def run(self, *flows: Any) -> RunReport:
        seen: list[tuple[int, int]] = []
        report = run_flows(
            flows,
            self.store,
            self.folder / "run",
            self.pool,
            on_progress=lambda report, name: seen.append((report.done, report.total)),
        )
        done = [number for number, _ in seen]
        totals = [number for _, number in seen]
        assert done == list(range(1, len(done) + 1)), "one call for every job that ended"
        assert totals == sorted(totals)
        assert all(number <= total for number, total in seen)
        assert report.done == report.total == len(done)
        return report

    def lines(self) -> list[str]:
        path = Path(self.log)
        return path.read_text().splitlines() if path.exists() else []

    def value(self, job: Any) -> float:
        return jobs.value_of(self.store.get_output(job.uuid, load=True))


@pytest.fixture(scope="module")
def pool() -> Iterator[JobPool]:
    with local_pool(2) as workers:
        yield workers


@pytest.fixture
def bench(tmp_path: Path, pool: JobPool) -> Bench:
    return Bench(tmp_path, pool)


def test_jobs_wait_for_what_they_need(bench: Bench) -> None:
    a = make(jobs.add, "a", [], bench.log, 0.1)
    b = make(jobs.add, "b", [], bench.log)
    c = make(jobs.add, "c", [a.output, b.output], bench.log)
    d = make(jobs.add, "d", [c.output, a.output], bench.log)
    report = bench.run(Flow([d, c, b, a]))
    assert sorted(report.computed) == ["a", "b", "c", "d"]
    assert bench.lines()[-2:] == ["add c", "add d"]
    assert bench.value(d) == 1 + 3 + 1
    assert (report.reused, report.failed, report.skipped) == ([], {}, [])


def test_a_second_run_reuses_everything(bench: Bench) -> None:
    def flow() -> Flow:
        first = make(jobs.add, "first", [], bench.log)
        grown = make(jobs.expand, "grown", [first.output], bench.log, 2)
        last = make(jobs.add, "last", [grown.output], bench.log)
        return Flow([first, grown, last], output=last.output)

    computed = bench.run(flow()).computed
    lines = bench.lines()
    report = bench.run(flow())
    assert report.computed == []
    assert sorted(report.reused) == sorted(computed)
    assert bench.lines() == lines


def test_a_job_that_two_flows_share_is_run_once(bench: Bench) -> None:
    flows = []
    for name in ("x", "y"):
        shared = make(jobs.add, "shared", [], bench.log)
        grown = make(jobs.expand, "grown", [shared.output], bench.log, 1)
        own = make(jobs.add, name, [grown.output], bench.log)
        flows.append(Flow([shared, grown, own], output=own.output))
    report = bench.run(*flows)
    assert set(Counter(bench.lines()).values()) == {1}
    assert Counter(report.computed)["shared"] == 1


def test_a_flow_may_refer_to_a_job_of_another_flow(bench: Bench) -> None:
    slow = make(jobs.add, "slow", [], bench.log, 0.2)
    quick = make(jobs.add, "quick", [slow.output], bench.log)
    bench.run(quick, slow)
    assert bench.lines() == ["add slow", "add quick"]
    assert bench.value(quick) == 2


def test_a_replaced_job_hands_its_flows_output_on(bench: Bench) -> None:
    first = make(jobs.add, "first", [], bench.log)
    grown = make(jobs.expand, "grown", [first.output], bench.log, 1)
    last = make(jobs.add, "last", [grown.output], bench.log)
    report = bench.run(Flow([first, grown, last]))
    assert bench.value(grown) == 3
    assert bench.value(last) == 4
    assert report.total == 6  # three, two that replace one of them, one that closes it


def test_a_replaced_job_may_be_replaced_again(bench: Bench) -> None:
    nested = make(jobs.expand, "nested", [], bench.log, 3)
    chain = make(jobs.become, "chain", [], bench.log, 3)
    last = make(jobs.add, "last", [nested.output, chain.output], bench.log)
    bench.run(Flow([nested, chain, last]))
    assert bench.value(nested) == 6
    assert bench.value(chain) == 7
    assert bench.value(last) == 1 + 6 + 7
    assert bench.run(Flow([make(jobs.become, "chain", [], bench.log, 3)])).computed == []


def test_a_failure_fails_its_branch_only(bench: Bench) -> None:
    bad = make(jobs.fail, "bad", [], bench.log, "raise")
    child = make(jobs.add, "child", [bad.output], bench.log)
    grandchild = make(jobs.add, "grandchild", [child.output], bench.log)
    good = make(jobs.add, "good", [], bench.log)
    report = bench.run(Flow([bad, child, grandchild, good]))
    assert report.computed == ["good"]
    assert report.skipped == ["child", "grandchild"]
    assert list(report.failed) == ["bad"]
    assert "Traceback" in report.failed["bad"]
    assert "ValueError: bad went wrong" in report.failed["bad"]


def test_a_failure_inside_a_dynamic_flow_fails_what_needs_it(bench: Bench) -> None:
    grown = make(jobs.expand_and_fail, "grown", [], bench.log)
    last = make(jobs.add, "last", [grown.output], bench.log)
    good = make(jobs.add, "good", [], bench.log)
    report = bench.run(Flow([grown, last, good]))
    assert list(report.failed) == ["grown.bad"]
    assert len(report.skipped) == 3  # grown.last, the job that closes grown, last
    assert {"grown.last", "last"} < set(report.skipped)
    assert "good" in report.computed


def test_failures_of_one_name_are_all_reported(bench: Bench) -> None:
    bad = [make(jobs.fail, f"bad {n}", [], bench.log, "raise") for n in range(3)]
    for job in bad:
        job.name = "bad"
    report = bench.run(*bad)
    assert len(report.failed) == 3
    assert sum("bad 1 went wrong" in text for text in report.failed.values()) == 1


@pytest.mark.parametrize(
    ("how", "message"), [("two parts", "this and that"), ("exit", "SystemExit: 3")]
)
def test_odd_exceptions_fail_only_their_job(bench: Bench, how: str, message: str) -> None:
    bad = make(jobs.fail, "bad", [], bench.log, how)
    good = make(jobs.add, "good", [], bench.log)
    report = bench.run(bad, good)
    assert message in report.failed["bad"]
    assert report.computed == ["good"]


def test_a_failed_job_is_tried_again(bench: Bench) -> None:
    def flow() -> Flow:
        bad = make(jobs.fail, "bad", [], bench.log, "unless mended")
        return Flow([bad, make(jobs.add, "child", [bad.output], bench.log)])

    assert list(bench.run(flow()).failed) == ["bad"]
    Path(bench.log).with_name("mended").touch()
    assert bench.run(flow()).computed == ["bad", "child"]


def test_a_job_may_accept_missing_inputs(bench: Bench) -> None:
    """And it, with what follows from it, is not taken from the store once they are there."""

    def flow() -> Flow:
        bad = make(jobs.fail, "bad", [], bench.log, "unless mended")
        good = make(jobs.add, "good", [], bench.log)
        total = jobs.accepting_missing("total", [bad.output, good.output], bench.log)
        last = make(jobs.add, "last", [total.output], bench.log)
        return Flow([bad, good, total, last], output=last.output)

    report = bench.run(first := flow())
    assert report.skipped == []
    assert bench.store.get_output(first.output.uuid, load=True)["value"] == 1 + (1 + 1)
    Path(bench.log).with_name("mended").touch()
    report = bench.run(flow())
    assert report.reused == ["good"]
    assert bench.store.get_output(first.output.uuid, load=True)["value"] == 1 + (1 + 1 + 10)


@pytest.mark.parametrize("kind", ["detour", "addition"])
def test_jobs_that_a_finished_job_asked_for_are_found_again(bench: Bench, kind: str) -> None:
    """The job itself is not run again for them; what failed of them is."""

    def flow() -> Flow:
        first = make(jobs.add, "first", [], bench.log)
        more = make(jobs.also, "more", [first.output], bench.log, kind, "unless mended")
        last = make(jobs.add, "last", [more.output], bench.log)
        return Flow([first, more, last], output=last.output)

    assert list(bench.run(flow()).failed) == [f"more.{kind} 1"]
    Path(bench.log).with_name("mended").touch()
    report = bench.run(flow())
    mended = [f"more.{kind} 1", f"more.{kind} 2"]
    assert report.computed == (mended if kind == "addition" else [*mended, "last"])
    assert bench.run(flow()).computed == []
    assert Counter(bench.lines())["also more"] == 1


def test_a_failure_is_stored_with_its_traceback(bench: Bench) -> None:
    bad = make(jobs.fail, "bad", [], bench.log, "raise")
    bench.run(bad)
    (record,) = find_records(bench.store, [(bad.uuid, 1)]).values()
    assert (record.state, record.error) == ("failed", "ValueError: bad went wrong")
    assert record.traceback is not None
    assert "in fail" in record.traceback
    assert bench.store.count() == 0


def test_an_answer_that_was_left_is_taken_from_its_folder(bench: Bench) -> None:
    """A head that was killed before it stored the answer of a worker."""
    job = make(jobs.add, "job", [], bench.log)
    folder = job_folder(bench.folder / "run", job)
    assert find_or_claim(bench.store, job, folder) is None
    run_job(with_inputs(job, bench.store), str(folder))
    report = bench.run(job)
    assert (report.computed, report.reused) == ([], ["job"])
    assert bench.lines() == ["add job"]
    assert bench.value(job) == 1
    assert not folder.exists()


class ElsewherePool(InlinePool):
    """A worker on a machine that does not see the folders of the head."""

    def submit(self, task_json: str, folder: str) -> Future[str]:
        return super().submit(task_json, f"/nowhere{folder}")


def test_a_worker_that_does_not_see_the_run_folder_is_told(bench: Bench) -> None:
    bench.pool = ElsewherePool()
    job = make(jobs.add, "job", [], bench.log)
    report = bench.run(job)
    assert "MISEI_RUN_DIR has to be on a file system that all workers share" in report.failed["job"]
    assert bench.lines() == []


def test_children_wait_for_a_detour(bench: Bench) -> None:
    first = make(jobs.add, "first", [], bench.log)
    around = make(jobs.also, "around", [first.output], bench.log, "detour")
    last = make(jobs.add, "last", [around.output], bench.log)
    report = bench.run(Flow([first, around, last]))
    assert bench.lines()[2:] == ["add around.detour 1", "add around.detour 2", "add last"]
    assert report.total == 5
    assert bench.value(last) == 6


def test_an_addition_is_run_and_nobody_waits_for_it(bench: Bench) -> None:
    first = make(jobs.add, "first", [], bench.log)
    more = make(jobs.also, "more", [first.output], bench.log, "addition")
    last = make(jobs.add, "last", [more.output], bench.log)
    report = bench.run(Flow([first, more, last]))
    assert bench.lines().index("add last") < bench.lines().index("add more.addition 2")
    assert report.total == 5


def test_stop_children_calls_off_descendants(bench: Bench) -> None:
    halt = make(jobs.stop, "halt", [], bench.log, "stop_children")
    child = make(jobs.add, "child", [halt.output], bench.log)
    grandchild = make(jobs.add, "grandchild", [child.output], bench.log)
    other = make(jobs.add, "other", [], bench.log)
    report = bench.run(Flow([halt, child, grandchild, other]))
    assert sorted(report.computed) == ["halt", "other"]
    assert report.skipped == ["child", "grandchild"]
    assert report.failed == {}


def test_stop_jobflow_calls_off_all_that_did_not_start(bench: Bench) -> None:
    bench.pool = InlinePool()  # one after the other
    halt = make(jobs.stop, "halt", [], bench.log, "stop_jobflow")
    others = [make(jobs.add, f"other {n}", [halt.output][:n], bench.log) for n in range(2)]
    report = bench.run(Flow([halt, *others]))
    assert report.computed == ["halt"]
    assert sorted(report.skipped) == ["other 0", "other 1"]


def test_a_killed_worker_fails_its_job_and_the_rest_goes_on(bench: Bench) -> None:
    bad = make(jobs.fail, "bad", [], bench.log, "kill")
    child = make(jobs.add, "child", [bad.output], bench.log)
    others = [make(jobs.add, f"other {n}", [], bench.log) for n in range(3)]
    report = bench.run(Flow([bad, child, *others]))
    assert report.failed == {"bad": KILLED_WORKER}
    assert report.skipped == ["child"]
    # An answer that dies with its worker before it was fetched is found in the job's folder.
    assert sorted(report.computed + report.reused) == ["other 0", "other 1", "other 2"]
    assert Counter(bench.lines()) == {"fail bad": 2, **{f"add other {n}": 1 for n in range(3)}}


def test_a_job_whose_worker_was_killed_once_is_run_again(bench: Bench) -> None:
    unlucky = make(jobs.fail, "unlucky", [], bench.log, "kill once")
    child = make(jobs.add, "child", [unlucky.output], bench.log)
    report = bench.run(Flow([unlucky, child]))
    assert (report.computed, report.failed) == (["unlucky", "child"], {})
    assert bench.lines() == ["fail unlucky", "fail unlucky", "add child"]


def test_all_workers_killed_again_and_again_end_the_run(bench: Bench) -> None:
    bad = [make(jobs.fail, f"bad {n}", [], bench.log, "kill") for n in range(4)]
    report = bench.run(*bad)
    assert sorted(report.failed) == ["bad 0", "bad 1", "bad 2", "bad 3"]


def test_an_empty_run_does_nothing(bench: Bench) -> None:
    assert bench.run().total == 0


def test_engine_jobs_run_in_workers(bench: Bench) -> None:
    engine = get_engine("emt")
    copper = AseAtomsAdaptor.get_structure(bulk("Cu", a=3.7))

    def flow() -> Flow:
        relaxation = engine.relax(copper, "relax")
        static = engine.static(relaxation.output.structure, "static")
        return Flow([relaxation, static], output=static.output)

    first = flow()
    assert bench.run(first).computed == ["relax", "static"]
    energy = bench.store.get_output(first.output.uuid, load=True)["output"]["energy"]
    # EMT's own equilibrium is its energy zero.
    assert energy == pytest.approx(0.0, abs=0.01)
    assert bench.run(flow()).computed == []
    assert not any((bench.folder / "run" / "jobs").iterdir()), "empty job folders are removed"
