"""The FireWorks commands as users see them, over toy flows in place of a campaign's."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import typer
from jobflow import Flow
from typer.testing import CliRunner, Result

LOCAL_JOBS = Path(__file__).parents[1] / "launchers"
sys.path.insert(0, str(LOCAL_JOBS))

import local_jobs as jobs  # noqa: E402
from local_jobs import make  # noqa: E402

from misei.launchers.commands import fireworks as cli_fireworks  # noqa: E402
from misei.launchers.fireworks import campaigns as fireworks_campaigns  # noqa: E402
from misei.launchers.local import RunReport  # noqa: E402
from misei.launchers.screen import CampaignStages  # noqa: E402
from misei.launchers.stages import Stage  # noqa: E402

SECRET = "sekret-of-this-test"
COMMANDS = ("submit", "launch", "status", "retry", "resume", "cancel")
CAMPAIGN = "name: toys\nelectrolytes: [Li6PS5Cl]\nmetals: [Zn]\nscreen: emt\n"
WAITS = "stage 2 waits for stage 1: submit again when that has ended"


@pytest.fixture
def misei(
    mongo_database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[..., Result]:
    """Run a command in a folder with a campaign file."""
    separator = "&" if "?" in mongo_database else "?"
    monkeypatch.setenv("MISEI_LAUNCHPAD", f"{mongo_database}{separator}appname={SECRET}")
    monkeypatch.setenv("PYTHONPATH", str(LOCAL_JOBS))
    monkeypatch.setenv("MISEI_JOURNAL", "1")  # what run_job sets, to be gone after the test
    for name in ("MISEI_STORE", "MISEI_RUN_DIR", "MISEI_CLUSTER"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "campaign.yaml").write_text(CAMPAIGN)
    log = str(tmp_path / "log.txt")

    def plan(*_: Any) -> CampaignStages:
        (tmp_path / "runs").mkdir(exist_ok=True)
        first, same = (make(jobs.add, "first", [], log) for _ in range(2))
        grown = make(jobs.expand, "grown", [first.output], log, 1)
        bad = make(jobs.fail, "bad", [same.output], log, "unless mended")
        flows = [Flow([first, grown], name="A"), Flow([same, bad], name="B")]
        return CampaignStages([Stage("stage 1 (emt)", "emt", flows)], RunReport(), WAITS)

    monkeypatch.setattr(fireworks_campaigns, "campaign_stages", plan)
    app = typer.Typer()
    for command in COMMANDS:
        app.command()(getattr(cli_fireworks, command))

    def run(*arguments: str, code: int = 0) -> Result:
        done = CliRunner().invoke(app, arguments)
        assert done.exit_code == code, (done.output, done.exception)
        assert SECRET not in done.output
        return done

    return run


def answer(done: Result) -> Any:
    return json.loads(done.stdout)


def test_from_submit_to_the_last_result(misei: Callable[..., Result], tmp_path: Path) -> None:
    assert "3 jobs added, 0 finished before" in misei("submit", "campaign.yaml").stdout
    again = answer(misei("submit", "campaign.yaml", "--json"))
    assert (again["submitted"], again["message"]) == (0, WAITS)
    assert (tmp_path / "runs" / "toys" / "campaign.yaml").read_text() == CAMPAIGN
    ran = answer(misei("launch", "--here", "--json", code=1))
    assert (ran["done"], ran["total"], ran["failed"]) == (5, 6, ["bad"])

    status = answer(misei("status", "--json"))
    (counts,) = status["campaigns"]
    assert counts["campaign"] == "toys"
    assert counts["counts"] == {"finished": 5, "failed": 1}
    assert counts["flows"] == {"A": {"finished": 5}, "B": {"finished": 1, "failed": 1}}
    text = misei("status", "campaign.yaml")
    assert "failed: bad: ValueError: bad went wrong" in text.stdout
    assert "misei retry" in text.output

    (tmp_path / "mended").touch()
    assert answer(misei("retry", "--job", "bad", "--json")) == {"retried": ["bad"]}
    assert "1 jobs run, 0 of them failed" in misei("launch", "--here").stdout
    assert answer(misei("status", "toys", "--json"))["campaigns"][0]["counts"] == {"finished": 6}
    assert "0 jobs added, 3 finished before" in misei("submit", "campaign.yaml").stdout


def test_several_processes_share_the_work(misei: Callable[..., Result], tmp_path: Path) -> None:
    misei("submit", "campaign.yaml")
    misei("launch", "--here", "--workers", "2")
    status = answer(misei("status", "--json"))
    assert status["campaigns"][0]["counts"]["finished"] == 5
    lines = (tmp_path / "log.txt").read_text().splitlines()
    assert len(lines) == len(set(lines))


def test_cancel_and_resume(misei: Callable[..., Result]) -> None:
    misei("submit", "campaign.yaml")
    assert "3 jobs cancelled; queue jobs cancelled: none" in misei("cancel", "campaign.yaml").stdout
    assert answer(misei("launch", "--here", "--json"))["ran"] == 0
    assert "0 lost runs and 3 cancelled jobs are back" in misei("resume").stdout
    assert answer(misei("launch", "--here", "--json", code=1))["ran"] == 6


def test_status_without_a_launchpad_reads_the_store(
    misei: Callable[..., Result], monkeypatch: pytest.MonkeyPatch
) -> None:
    misei("submit", "campaign.yaml")
    misei("launch", "--here", code=1)
    monkeypatch.delenv("MISEI_LAUNCHPAD")
    monkeypatch.setattr("fireworks.fw_config.LAUNCHPAD_LOC", None)
    for arguments in (["status"], ["status", "campaign.yaml"], ["status", "toys"]):
        status = answer(misei(*arguments, "--json"))
        assert status["where"].startswith("results store /")
        assert status["campaigns"][0]["counts"] == {"finished": 5, "failed": 1}
        assert [f["error"] for f in status["failed"]] == ["ValueError: bad went wrong"]


def test_fireworks_own_files_hold_no_secret(misei: Callable[..., Result], tmp_path: Path) -> None:
    (tmp_path / "c.yaml").write_text(
        'queue_system: slurm\ncores: 2\nmemory_gb: 1\nwalltime: "01:00:00"\n'
    )
    files = misei("launch", "--cluster", "c.yaml", "--write", "fw", "--category", "emt").stdout
    assert sorted(Path(file).name for file in files.split()) == [
        "my_fworker.yaml", "my_qadapter.yaml",
    ]  # fmt: skip
    from fireworks import FWorker
    from fireworks.user_objects.queue_adapters.common_adapter import CommonAdapter

    worker = FWorker.from_file("fw/my_fworker.yaml")
    assert worker.category == "emt"
    assert worker.query["spec.store"] == str(tmp_path / "runs" / "results.sqlite")
    adapter = CommonAdapter.from_file("fw/my_qadapter.yaml")
    assert "--category emt" in adapter.get_script_str(str(tmp_path))
    assert not [f for f in tmp_path.rglob("*") if f.is_file() and SECRET in f.read_text()]


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (["submit", "missing.yaml"], "missing.yaml"),
        (["launch"], "--cluster"),
        (["launch", "--cluster", "missing.yaml"], "missing.yaml"),
        (["status", "nosuch"], "nosuch"),
        (["retry", "--job", "nosuch"], "nosuch"),
        (["cancel", "nosuch"], "nosuch"),
    ],
)
def test_bad_input_is_one_line(
    misei: Callable[..., Result], arguments: list[str], named: str
) -> None:
    done = misei(*arguments, code=2)
    assert done.stdout == ""
    assert done.stderr.startswith("misei: ")
    assert done.stderr.count("\n") == 1
    assert named in done.stderr


@pytest.mark.parametrize("command", COMMANDS)
def test_help_has_examples(misei: Callable[..., Result], command: str) -> None:
    assert f"misei {command}" in misei(command, "--help").stdout.split("Examples")[1]
