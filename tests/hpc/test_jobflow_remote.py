"""Flows and campaigns through jobflow-remote, with the project file of the examples."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from time import perf_counter
from types import ModuleType
from typing import Any

import pytest
import yaml
from ase.build import bulk
from jobflow import Flow, Job, JobStore
from pymatgen.io.ase import AseAtomsAdaptor
from slurm_cluster import SlurmCluster
from typer.testing import CliRunner

from misei.launchers.local import run_flows
from misei.launchers.pools import InlinePool
from misei.launchers.screen import collect_campaign, run_campaign
from misei.launchers.store import open_store
from misei.screening.campaign import Campaign
from misei.screening.results import find_document
from misei.screening.schemas_surfaces import SurfaceEnergyDoc
from misei.workflows.campaign import CandidateFlows
from misei.workflows.surfaces import SurfaceEnergyMaker

pytest.importorskip("jobflow_remote", reason="jobflow-remote is not installed")

TESTS = Path(__file__).parents[1]
EXAMPLE = TESTS.parent / "examples" / "jobflow_remote" / "misei.yaml"
JOB_MODULES = [TESTS / "hpc", TESTS / "launchers"]
sys.path[:0] = [str(folder) for folder in JOB_MODULES if str(folder) not in sys.path]

import local_jobs  # noqa: E402
import remote_jobs  # noqa: E402
from local_jobs import Number, make  # noqa: E402

from misei.launchers.remote.submission import (  # noqa: E402
    QueueStore,
    RemoteError,
    Submission,
    open_project,
    submit_flows,
)

SECRET = "mongodb://me:s3cret@nowhere/queue"
# Only how long a hanging queue is waited for.
DEADLINE_S = 500
# Sums of floating-point numbers, in another order with other numbers of threads.
ROUNDING = 1e-9


class Remote:
    """A project of jobflow-remote with its folder, store and (where there is one) queue."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.file = folder / "projects" / "misei.yaml"
        self.content: dict[str, Any] = yaml.safe_load(
            EXAMPLE.read_text()
            .replace("/home/me/misei/bin/activate", f"{sys.prefix}/bin/activate")
            .replace("/scratch/me/misei", str(folder))
        )
        for worker in self.content["workers"].values():
            worker["pre_run"] += f"export PYTHONPATH={':'.join(map(str, JOB_MODULES))}\n"
        slurm = self.content["workers"]["slurm"]["resources"]
        slurm |= {"cpus_per_task": 1, "time": "00:30:00"}
        self.content["runner"] = dict.fromkeys(self.content["runner"], 1) | {"delta_retry": [1]}
        self.write()

    def write(self) -> None:
        self.file.parent.mkdir(exist_ok=True)
        self.file.write_text(yaml.safe_dump(self.content, sort_keys=False))

    @property
    def store(self) -> JobStore:
        return open_store(self.folder / "results.sqlite")

    def submit(self, *flows: Flow | Job, worker: str = "shell") -> Submission:
        return submit_flows(flows, self.store, *open_project("misei", worker))

    def run(self) -> None:
        from jobflow_remote.jobs.runner import Runner

        Runner(project_name="misei").run_all_jobs(max_seconds=DEADLINE_S)


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Remote:
    """The project file, without a queue."""
    from jobflow_remote import SETTINGS

    remote = Remote(tmp_path)
    monkeypatch.setattr(SETTINGS, "projects_folder", str(remote.file.parent))
    monkeypatch.setenv("MISEI_STORE", str(tmp_path / "results.sqlite"))
    monkeypatch.setenv("MISEI_RUN_DIR", str(tmp_path))
    monkeypatch.delenv("MISEI_QUEUE", raising=False)
    return remote


@pytest.fixture
def remote(project: Remote, mongo_database: str, monkeypatch: pytest.MonkeyPatch) -> Remote:
    """The same with an empty queue."""
    monkeypatch.setenv("MISEI_QUEUE", mongo_database)
    found, _ = open_project("misei")
    found.get_job_controller().reset()
    return project


# The project file, and what may be wrong with one.


def test_no_address_and_no_password_leaves_the_environment(
    project: Remote, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MISEI_QUEUE", SECRET)
    queue = open_project("misei")[0].get_queue_store()
    assert queue.uri == SECRET
    shown = [EXAMPLE.read_text(), queue.name, queue.to_json(), str(queue), repr(queue)]
    assert not any("s3cret" in text for text in shown)
    assert isinstance(type(queue).from_dict(queue.as_dict()), QueueStore)


def test_a_queue_that_is_not_named_says_which_variable_names_it(project: Remote) -> None:
    with pytest.raises(RemoteError, match="MISEI_QUEUE is not set"):
        project.submit(make(local_jobs.add, "one", [], "log"))


def test_a_queue_that_does_not_answer_is_named_without_its_password(
    project: Remote, monkeypatch: pytest.MonkeyPatch
) -> None:
    uri = "mongodb://me:s3cret@127.0.0.1:1/queue?serverSelectionTimeoutMS=100"
    monkeypatch.setenv("MISEI_QUEUE", uri)
    with pytest.raises(RemoteError, match=r"'misei' cannot be reached: 127\.0\.0\.1:1") as caught:
        project.submit(make(local_jobs.add, "one", [], "log"))
    assert "s3cret" not in str(caught.value)


def test_a_queue_that_was_never_set_up_says_how(
    project: Remote, mongo_database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MISEI_QUEUE", mongo_database)
    with pytest.raises(RemoteError, match="jf -p misei admin reset"):
        project.submit(make(local_jobs.add, "one", [], "log"))


def _plain_command(content: dict[str, Any]) -> None:
    del content["workers"]["slurm"]["execution_cmd"]


def _other_results(content: dict[str, Any]) -> None:
    content["jobstore"] = {"docs_store": {"type": "MemoryStore"}}


def _unknown_key(content: dict[str, Any]) -> None:
    content["worker"] = {}


@pytest.mark.parametrize(
    ("break_it", "message"),
    [
        (_plain_command, "execution_cmd to: python -m misei.launchers.remote.worker {}"),
        (_other_results, "not put its results in the store of misei"),
        (_unknown_key, "jf project list --warn"),
        (lambda content: content.update(workers={}), "has no worker None"),
    ],
)
def test_a_project_that_would_go_wrong_is_refused(
    project: Remote, break_it: Callable[[dict[str, Any]], None], message: str
) -> None:
    break_it(project.content)
    project.write()
    with pytest.raises(RemoteError) as caught:
        open_project("misei")
    assert message in str(caught.value)


def test_an_unknown_worker_is_told_the_known_ones(project: Remote) -> None:
    with pytest.raises(RemoteError, match="no worker 'pbs'; valid: slurm, shell"):
        open_project("misei", "pbs")


def test_a_store_that_the_runner_would_not_find_is_refused(
    project: Remote, monkeypatch: pytest.MonkeyPatch
) -> None:
    campaign = project.folder / "campaign.yaml"
    campaign.write_text("{name: small, electrolytes: [Li6PS5Cl], metals: [In], screen: emt}")
    monkeypatch.setenv("MISEI_STORE", "results.sqlite")
    result = _misei("submit", str(campaign))
    assert result.exit_code == 2
    assert "export MISEI_STORE=/absolute/path" in result.stderr


# Whole runs.


def _misei(*arguments: str) -> Any:
    from misei.launchers.commands.remote import remote_app

    return CliRunner().invoke(remote_app, list(arguments))


@pytest.mark.slow
def test_flows_run_on_slurm_and_are_found_by_content(
    remote: Remote, slurm_environment: SlurmCluster
) -> None:
    def flows() -> list[Flow]:
        copper = AseAtomsAdaptor.get_structure(bulk("Cu"))
        surface = SurfaceEnergyMaker(engine="emt", thickness=6.0).make(copper)
        asking = [remote_jobs.asking(label, str(remote.folder / "log")) for label in "ab"]
        return [*(Flow([job], output=job.output) for job in asking), surface]

    first = remote.submit(*flows(), worker="slurm")
    assert (len(first.submitted), first.finished) == (4, 0)
    again = remote.submit(*flows(), worker="slurm")
    assert (again.submitted, again.queued) == ([], {"READY": 3, "WAITING": 1})
    extended = make(local_jobs.add, "more", [flows()[0].output], str(remote.folder / "log"))
    assert remote.submit(*flows(), extended, worker="slurm").held == ["more"]

    start = perf_counter()
    remote.run()
    print(f"13 jobs on SLURM in {perf_counter() - start:.0f} s")
    *asked, surface = flows()
    for flow in asked:
        number = find_document(remote.store, flow.output.uuid, Number)
        assert number is not None
        assert number.value == 1.0
    found = find_document(remote.store, surface.output.uuid, SurfaceEnergyDoc)
    local = open_store(remote.folder / "local.sqlite")
    run_flows([surface], local, remote.folder / "local", InlinePool())
    here = find_document(local, surface.output.uuid, SurfaceEnergyDoc)
    assert found is not None
    assert here is not None
    assert found.miller == here.miller
    assert found.surface_energy == pytest.approx(here.surface_energy, rel=ROUNDING)

    done = remote.submit(*flows(), worker="slurm")
    assert (done.submitted, done.queued, done.finished) == ([], {}, 13)
    report = run_flows(flows(), remote.store, remote.folder, InlinePool())
    assert (report.computed, len(report.reused)) == ([], 13)


@pytest.mark.slow
def test_a_failed_job_stays_in_the_queue_until_it_is_rerun(remote: Remote) -> None:
    def flow() -> Job:
        return make(local_jobs.fail, "bad", [], str(remote.folder / "log"), "unless mended")

    (number,) = remote.submit(flow()).submitted
    remote.run()
    queue = open_project("misei")[0].get_job_controller()
    assert "ValueError: bad went wrong" in queue.get_job_info(db_id=number).error
    again = remote.submit(flow())
    assert (again.submitted, again.queued) == ([], {"FAILED": 1})

    (remote.folder / "mended").touch()
    queue.rerun_job(db_id=number)
    remote.run()
    assert find_document(remote.store, flow().uuid, Number) == Number(value=10.0)
    assert remote.submit(flow()).finished == 1


@pytest.fixture(scope="module")
def made_up() -> ModuleType:
    """Builders of documents with made-up numbers, from the tests of the ranking."""
    spec = spec_from_file_location("made_up", TESTS / "screening" / "conftest.py")
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.slow
def test_a_campaign_is_ranked_from_the_store_as_after_a_local_run(
    remote: Remote, monkeypatch: pytest.MonkeyPatch, made_up: ModuleType
) -> None:
    documents = [  # made once: they say when they were made
        (made_up.adhesion("one", [0.5 * n]), made_up.migration("one", {"1": 0.1 * n}))
        for n in (1, 2)
    ]

    def known(campaign: Campaign, candidates: list[Any], source: Any) -> Any:
        flows = []
        for candidate, found in zip(candidates, documents, strict=False):
            jobs = [remote_jobs.giving(document) for document in found]
            parts = [Flow([job], output=job.output) for job in jobs]
            crystal = source.find(candidate.entry_id)[0].structure
            flows.append(CandidateFlows(candidate, crystal, *parts))
        return flows, []

    monkeypatch.setattr("misei.launchers.screen.candidate_flows", known)
    campaign = Campaign(name="two", electrolytes=["Li6PS5Cl"], metals=["In", "Al"], screen="emt")
    file = remote.folder / "campaign.yaml"
    file.write_text(campaign.model_dump_json())
    result = _misei("submit", str(file), "--worker", "shell", "--json")
    assert result.exit_code == 0, result.stderr
    assert len(json.loads(result.stdout)["submitted"]) == 4
    remote.run()
    local = open_store(remote.folder / "local.sqlite")
    _, results = run_campaign(campaign, local, remote.folder / "local", InlinePool())
    assert len(results.ranking.candidates) == 2
    ranking = collect_campaign(campaign, remote.store).ranking
    assert ranking.model_dump() == results.ranking.model_dump()
    assert "0 jobs submitted" in _misei("submit", str(file), "--worker", "shell").stdout
