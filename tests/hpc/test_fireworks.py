"""Flows through a LaunchPad: order, dynamic jobs, failures, reuse, lost workers, cancelling."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from jobflow import Flow, JobStore

LOCAL_JOBS = Path(__file__).parents[1] / "launchers"
sys.path.insert(0, str(LOCAL_JOBS))

import local_jobs as jobs  # noqa: E402
from firework_jobs import wait_for_go  # noqa: E402
from local_jobs import make  # noqa: E402

from misei.launchers.commands.console import STOPPED  # noqa: E402
from misei.launchers.fireworks import control as control  # noqa: E402
from misei.launchers.fireworks.launchpad import open_launchpad, public_name  # noqa: E402
from misei.launchers.fireworks.rockets import (  # noqa: E402
    NoWorkError,
    RocketReport,
    make_worker,
    run_rockets,
)
from misei.launchers.fireworks.status import Status, launchpad_status, store_status  # noqa: E402
from misei.launchers.fireworks.submit import Submission, Target, submit_flows  # noqa: E402
from misei.launchers.fireworks.tasks import run_stored  # noqa: E402
from misei.launchers.machine import machine_settings  # noqa: E402
from misei.launchers.store import StoreError, open_store  # noqa: E402

# Only how long a hanging process is waited for.
DEADLINE_S = 300.0
# In the address, and to be nowhere else; the server of the tests knows no users.
SECRET = "sekret-of-this-test"
WORKER = """
import typer
from misei.launchers.commands.fireworks import launch
app = typer.Typer()
app.command()(launch)
app(["--here"])
"""


class Pad:
    """A LaunchPad, a results store, a log of side effects and a folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.log = str(folder / "log.txt")
        self.settings = machine_settings()
        self.launchpad = open_launchpad(self.settings)
        self.store: JobStore = open_store(self.settings.store_location)

    def submit(self, *flows: Flow, campaign: str = "toys") -> Submission:
        settings = self.settings
        target = Target(campaign, settings.run_dir, settings.store_location, category="emt")
        return submit_flows(self.launchpad, flows, self.store, target)

    def run(self, **options: Any) -> RocketReport:
        return run_rockets(self.settings.run_dir / "launches", **options)

    def status(self, campaign: str | None = None) -> Status:
        query = control.campaign_query(self.launchpad, campaign)
        return launchpad_status(self.launchpad, query, self.settings.run_dir)

    def counts(self) -> dict[str, int]:
        total: Counter[str] = Counter()
        for campaign in self.status().campaigns:
            total.update(campaign.counts)
        return dict(total)

    def query(self, campaign: str | None = None) -> dict[str, Any]:
        return control.campaign_query(self.launchpad, campaign)

    def resume(self) -> control.Resumed:
        return control.resume(self.launchpad, self.query(), lambda name: None)

    def retry(self, job: str | None = None) -> list[str]:
        return control.retry(self.launchpad, self.query(), job, lambda name: None)

    def cancel(self, campaign: str | None = None) -> control.Cancelled:
        run_dir = self.settings.run_dir
        return control.cancel(self.launchpad, self.query(campaign), run_dir, lambda name: None)

    def lines(self) -> list[str]:
        path = Path(self.log)
        return path.read_text().splitlines() if path.exists() else []

    def value(self, job: Any) -> float:
        return jobs.value_of(self.store.get_output(job.uuid, load=True))

    def new(self, function: Any, label: str, terms: Any = (), *arguments: Any) -> Any:
        return make(function, label, list(terms), self.log, *arguments)


@pytest.fixture
def pad(mongo_database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Pad]:
    separator = "&" if "?" in mongo_database else "?"
    monkeypatch.setenv("MISEI_LAUNCHPAD", f"{mongo_database}{separator}appname={SECRET}")
    monkeypatch.setenv("MISEI_RUN_DIR", str(tmp_path / "run"))
    monkeypatch.delenv("MISEI_STORE", raising=False)
    monkeypatch.setenv("MISEI_JOURNAL", "1")  # what run_job sets, to be gone after the test
    monkeypatch.setenv("PYTHONPATH", f"{LOCAL_JOBS}{os.pathsep}{Path(__file__).parent}")
    (tmp_path / "run").mkdir()
    bench = Pad(tmp_path)
    yield bench
    bench.launchpad.connection.close()


def everything(pad: Pad) -> Flow:
    """A chain, and jobs that are replaced, that detour and that add others."""
    first = pad.new(jobs.add, "first")
    grown = pad.new(jobs.expand, "grown", [first.output], 2)
    chain = pad.new(jobs.become, "chain", [first.output], 2)
    around = pad.new(jobs.also, "around", [first.output], "detour")
    more = pad.new(jobs.also, "more", [first.output], "addition")
    needed = [job.output for job in (grown, chain, around, more)]
    last = pad.new(jobs.add, "last", needed)
    return Flow([last, more, around, chain, grown, first], output=last.output, name="everything")


def test_dynamic_flows_run_in_order(pad: Pad) -> None:
    flow = everything(pad)
    assert pad.submit(flow).submitted == 6
    report = pad.run()
    assert report.failed == []
    assert report.done == report.total == report.ran
    # grown: 1 + (1 + (1 + 1 + ...)); chain: 7; detour and addition: 5 each.
    assert pad.store.get_output(flow.output.uuid, load=True)["value"] == 1 + 5 + 7 + 5 + 5
    lines = pad.lines()
    assert lines[0] == "add first"
    assert lines.index("add around.detour 2") < lines.index("add last")
    assert max(Counter(lines).values()) == 1
    assert set(pad.counts()) == {"finished"}
    assert "add more.addition 2" in lines


def test_what_is_submitted_twice_runs_once(pad: Pad) -> None:
    first = pad.submit(everything(pad))
    again = pad.submit(everything(pad))
    assert (first.submitted, again.submitted) == (6, 0)
    assert again.present == {"WAITING": 5, "READY": 1}
    pad.run()
    lines = pad.lines()
    finished = pad.submit(everything(pad))
    assert (finished.submitted, finished.finished, finished.present) == (0, 6, {})
    assert pad.run().ran == 0
    assert pad.lines() == lines


def test_a_shared_job_is_one_firework(pad: Pad) -> None:
    flows = []
    for name in ("x", "y"):
        shared = pad.new(jobs.add, "shared")
        own = pad.new(jobs.expand, f"own {name}", [shared.output], 1)
        flows.append(Flow([shared, own], output=own.output, name=name))
    lone = Flow([pad.new(jobs.add, "lone")], name="lone")
    assert pad.submit(*flows, lone).submitted == 4
    assert pad.launchpad.workflows.count_documents({}) == 2, "what shares nothing stands alone"
    shared = pad.launchpad.fireworks.find_one({"name": "shared"})
    assert shared["spec"]["flows"] == ["x", "y"]
    pad.run()
    assert Counter(pad.lines())["add shared"] == 1


def test_campaigns_share_results_and_only_new_jobs_are_added(pad: Pad) -> None:
    def flow(*names: str) -> Flow:
        shared = pad.new(jobs.add, "shared")
        own = [pad.new(jobs.add, name, [shared.output]) for name in names]
        return Flow([shared, *own])

    pad.submit(flow("x"))
    assert pad.submit(flow("x"), campaign="other").submitted == 2
    more = pad.submit(flow("x", "y"))
    # y needs a workflow of its own, with what it waits for.
    assert (more.submitted, more.present) == (2, {"WAITING": 1, "READY": 1})
    pad.run()
    assert sorted(pad.lines()) == ["add shared", "add x", "add y"]
    assert pad.counts() == {"finished": 6}


def test_a_failure_stays_in_its_branch_until_it_is_mended(pad: Pad) -> None:
    bad = pad.new(jobs.fail, "bad", [], "unless mended")
    child = pad.new(jobs.add, "child", [bad.output])
    tolerant = jobs.accepting_missing("tolerant", [bad.output], pad.log)
    other = pad.new(jobs.add, "other")
    late = pad.new(jobs.expand_and_fail, "late", [other.output])
    pad.submit(Flow([bad, child, tolerant, other, late]))
    assert sorted(pad.run().failed) == ["bad", "late.bad"]
    assert pad.counts() == {"finished": 3, "failed": 2, "blocked": 3}
    assert pad.value(tolerant) == 1
    errors = {failed.job: failed.error for failed in pad.status("toys").failed}
    assert errors["bad"] == "ValueError: bad went wrong"
    assert errors["late.bad"] == "ValueError: late.bad went wrong"
    assert any("misei retry" in line for line in pad.status().advice)

    pad.launchpad.m_logger.disabled = True
    Path(pad.log).with_name("mended").touch()
    assert pad.retry("bad") == ["bad"]
    assert pad.run().failed == []
    assert pad.value(child) == 11
    assert pad.value(tolerant) == 11, "what went without the failed job is computed again"
    assert Counter(pad.lines())["add other"] == 1
    with pytest.raises(control.NoSuchJobError, match=r"'bad'; failed: late\.bad"):
        pad.retry("bad")


@pytest.mark.parametrize("how", ["exit", "two parts"])
def test_every_exception_is_told(pad: Pad, how: str) -> None:
    pad.submit(Flow([pad.new(jobs.fail, "bad", [], how)]))
    pad.run()
    words = {"exit": "SystemExit: 3", "two parts": "TwoPartError: this and that"}[how]
    (failed,) = pad.status().failed
    assert failed.error.endswith(words)


def test_a_result_that_was_stored_before_the_worker_died_is_taken_over(pad: Pad) -> None:
    """Replaced jobs bring the jobs that replace them again, from their record."""
    flow = everything(pad)
    pad.submit(flow)
    first, grown = (next(j for j, _ in flow.iterflow() if j.name == n) for n in ("first", "grown"))
    for job in (first, grown):
        run_stored(job, pad.store, pad.settings.run_dir)
    assert pad.run().failed == []
    assert max(Counter(pad.lines()).values()) == 1
    assert set(pad.counts()) == {"finished"}


@pytest.mark.parametrize(("what", "left"), [("stop_children", 1), ("stop_jobflow", 2)])
def test_what_a_flow_calls_off_is_not_brought_back(pad: Pad, what: str, left: int) -> None:
    halt = pad.new(jobs.stop, "halt", [], what)
    child = pad.new(jobs.add, "child", [halt.output])
    grandchild = pad.new(jobs.add, "grandchild", [child.output])
    pad.submit(Flow([halt, child, grandchild]))
    pad.run()
    off = pad.counts()
    assert (off["finished"], off["called off"]) == (1, left)
    pad.cancel()
    pad.resume()
    assert pad.run().ran == 0
    assert pad.lines() == ["stop halt"]


def test_cancel_keeps_what_is_finished_and_resume_undoes_it(pad: Pad) -> None:
    first = pad.new(jobs.add, "first")
    last = pad.new(jobs.add, "last", [first.output])
    pad.submit(Flow([first, last]))
    pad.submit(Flow([pad.new(jobs.add, "foreign")]), campaign="other")
    pad.run(run_s=0)
    assert pad.cancel("toys").jobs == ["first", "last"]
    assert pad.run().ran == 1, "the other campaign goes on"
    assert pad.counts() == {"finished": 1, "cancelled": 2}
    assert any("misei resume" in line for line in pad.status("toys").advice)
    assert sorted(pad.resume().cancelled) == ["first", "last"]
    pad.run()
    assert pad.lines() == ["add foreign", "add first", "add last"]


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_a_worker_that_is_ended_loses_no_job(pad: Pad, how: signal.Signals) -> None:
    """Killed, it is noticed at once; told to end, it gives its job back itself."""
    slow = pad.new(wait_for_go, "slow")
    last = pad.new(jobs.add, "last", [slow.output])
    pad.submit(Flow([slow, last]))
    with subprocess.Popen([sys.executable, "-c", WORKER], cwd=pad.folder) as worker:
        wait_for(lambda: "wait slow" in pad.lines(), worker)
        worker.send_signal(how)
        code = worker.wait(DEADLINE_S)
    if how == signal.SIGKILL:
        assert pad.counts() == {"lost": 1, "waiting": 1}
        (lost,) = pad.status().failed
        assert (lost.job, lost.state) == ("slow", "lost")
        assert "is gone" in lost.error
        assert pad.resume().lost == ["slow"]
    else:
        assert code == STOPPED
    assert pad.counts() == {"ready": 1, "waiting": 1}
    Path(pad.log).with_name("go").touch()
    assert pad.run().failed == []
    assert pad.lines() == ["wait slow", "wait slow", "add last"]


def wait_for(condition: Any, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + DEADLINE_S
    while not condition():
        assert process.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.1)


def test_a_lock_that_a_killed_worker_held_is_freed(
    pad: Pad, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(control, "STALE_LOCK_S", 1.0)
    pad.submit(Flow([pad.new(jobs.add, "only")]))
    pad.launchpad.workflows.update_many({}, {"$set": {"locked": True}})
    pad.resume()
    assert pad.launchpad.workflows.find_one({"locked": {"$exists": True}}) is None
    assert pad.run().ran == 1


def test_a_worker_with_another_store_takes_nothing(
    pad: Pad, monkeypatch: pytest.MonkeyPatch
) -> None:
    pad.submit(Flow([pad.new(jobs.add, "only")]))
    monkeypatch.setenv("MISEI_STORE", str(pad.folder / "other.sqlite"))
    with pytest.raises(StoreError, match=r"no results store at .*other\.sqlite"):
        pad.run()  # a node that does not see the file must not begin one of its own
    open_store(pad.folder / "other.sqlite")
    with pytest.raises(NoWorkError, match=r"results\.sqlite.*other\.sqlite.*MISEI_STORE"):
        pad.run()
    assert pad.counts() == {"ready": 1}
    # FireWorks' own commands ask for no store: there the task itself refuses.
    from fireworks.core.rocket_launcher import rapidfire

    rapidfire(pad.launchpad, make_worker_for_anything(), str(pad.folder), local_redirect=True)
    (failed,) = pad.status().failed
    assert "other.sqlite" in failed.error
    assert "MISEI_STORE" in failed.error
    assert pad.lines() == []


def make_worker_for_anything() -> Any:
    from fireworks import FWorker

    return FWorker()


def test_categories_name_engines_and_workers_take_theirs(pad: Pad) -> None:
    pad.submit(Flow([pad.new(jobs.expand, "grown", [], 1)]))
    assert pad.run(category="sevennet").ran == 0
    assert pad.run(category="emt").failed == []
    assert set(pad.counts()) == {"finished"}, "new jobs have the category of what made them"


def test_the_store_alone_tells_of_a_run_too(pad: Pad) -> None:
    bad = pad.new(jobs.fail, "bad", [], "raise")
    flow = Flow([everything(pad), bad, pad.new(jobs.add, "child", [bad.output])], name="all")
    pad.submit(flow)
    pad.run()
    known = store_status(pad.store, "here", [flow])
    assert known.campaigns[0].counts == {
        "finished": pad.counts()["finished"], "failed": 1, "not run": 1,
    }  # fmt: skip
    assert [failed.error for failed in known.failed] == ["ValueError: bad went wrong"]
    assert store_status(pad.store, "here", None).campaigns[0].counts["failed"] == 1


def test_no_credential_is_written_anywhere(pad: Pad) -> None:
    pad.submit(everything(pad), Flow([pad.new(jobs.fail, "bad", [], "raise")]))
    pad.run()
    worker = make_worker(pad.settings.store_location, None, pad.folder)
    texts = [json.dumps(worker.to_dict()), pad.status().model_dump_json()]
    for name in pad.launchpad.db.list_collection_names():
        texts += [str(doc) for doc in pad.launchpad.db[name].find({})]
    files = [path for path in pad.folder.rglob("*") if path.is_file()]
    texts += [path.read_bytes().decode(errors="replace") for path in files]
    assert len(files) > 5
    assert not [text for text in texts if SECRET in text]
    assert SECRET in pad.settings.launchpad.get_secret_value()  # type: ignore[union-attr]
    assert SECRET not in public_name(pad.settings.launchpad.get_secret_value())  # type: ignore[union-attr]
