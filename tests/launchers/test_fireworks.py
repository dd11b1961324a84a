"""What the FireWorks commands say and write without any LaunchPad: scripts, errors, refusals."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from jobflow import Flow
from local_jobs import add, make

from misei.launchers.fireworks.errors import files_error, launch_error
from misei.launchers.fireworks.launchpad import LaunchPadError, open_launchpad, public_name
from misei.launchers.fireworks.queue import Launch, QueueError, make_adapter, submit_job
from misei.launchers.fireworks.tasks import to_workflow
from misei.launchers.machine import machine_settings
from misei.launchers.queues.cluster_file import QUEUE_SYSTEMS, Cluster
from misei.launchers.tracebacks import error_line
from misei.workflows.campaign import property_makers

PASSWORD = "pass-of-this-test"
URI = f"mongodb://me:{PASSWORD}@nowhere.invalid:27017/misei?authSource=admin"
SPEC: dict[str, Any] = {
    "campaign": "c", "flows": ["f"], "run_dir": "/r", "store": "/s", "default_category": "emt",
    "fixed_category": False,
}  # fmt: skip


def cluster(system: str, **changes: Any) -> Cluster:
    described = {"cores": 4, "workers_per_job": 2, "memory_gb": 3, "walltime": "02:00:30"}
    return Cluster(**{"queue_system": system, **described, **changes})


@pytest.fixture(autouse=True)
def _settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [n for n in os.environ if n.startswith("MISEI_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("MISEI_LAUNCHPAD", URI)
    monkeypatch.setenv("MISEI_RUN_DIR", str(tmp_path / "run"))


def script(system: str, folder: Path, **changes: Any) -> list[str]:
    adapter = make_adapter(cluster(system, **changes), Launch(machine_settings(), folder))
    text: str = adapter.get_script_str(str(folder))
    return text.splitlines()


@pytest.mark.parametrize(
    ("system", "lines"),
    [
        ("slurm", ["#SBATCH --cpus-per-task=4", "#SBATCH --mem=3072M", "#SBATCH --time=02:00:30",
                   "#SBATCH --partition=long", "#SBATCH --account=li"]),
        ("pbs", ["#PBS -l select=1:ncpus=4:mem=3072mb", "#PBS -l walltime=02:00:30", "#PBS -q long",
                 "#PBS -A li"]),
        ("sge", ["#$ -pe smp 4", "#$ -l h_vmem=768M", "#$ -l h_rt=02:00:30", "#$ -q long",
                 "#$ -P li"]),
        ("lsf", ["#BSUB -n 4", "#BSUB -M 3072MB", "#BSUB -W 02:01", "#BSUB -q long",
                 "#BSUB -P li"]),
    ],
)  # fmt: skip
def test_scripts_ask_for_what_the_cluster_file_says(
    system: str, lines: list[str], tmp_path: Path
) -> None:
    made = script(system, tmp_path, queue="long", account="li", directives=["-x 1", "-y"],
                  setup=["module load x"])  # fmt: skip
    prefix = lines[0].split()[0]
    assert made[0] == "#!/bin/bash"
    assert set(lines) <= set(made)
    assert {f"{prefix} -x 1", f"{prefix} -y", "export OMP_NUM_THREADS=2"} <= set(made)
    # Directives end with the first command.
    assert max(n for n, line in enumerate(made) if line.startswith(prefix)) < made.index(
        "export OMP_NUM_THREADS=2"
    )
    assert made[-1].startswith("cd ")
    assert made.index("module load x") == len(made) - 2
    assert "launch --here --workers 2" in made[-1]
    assert not any("$$" in line for line in made)


@pytest.mark.parametrize("system", QUEUE_SYSTEMS)
def test_no_password_is_in_a_script(system: str, tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.setenv("MISEI_STORE", f"mongodb://me:{PASSWORD}@h/store")
    made = "\n".join(script(system, tmp_path))
    assert PASSWORD not in made
    # SLURM and LSF hand the environment on by themselves; the others are told the names.
    named = "MISEI_LAUNCHPAD,MISEI_RUN_DIR,MISEI_STORE" in made
    assert named == (system in ("pbs", "sge"))
    assert "MISEI_STORE=" not in made


def test_directives_can_be_left_out(tmp_path: Path) -> None:
    made = script("slurm", tmp_path, skip_directives=["--mem", "--nodes"])
    assert not [line for line in made if "--mem" in line or "--nodes" in line]
    assert "#SBATCH --ntasks=1" in made


def test_a_store_that_is_a_file_is_exported_with_its_full_path(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MISEI_STORE", "mine.sqlite")
    assert f"export MISEI_STORE={tmp_path / 'mine.sqlite'}" in script("slurm", tmp_path)


def test_what_the_queue_says_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sbatch = tmp_path / "sbatch"
    sbatch.write_text("#!/bin/sh\necho 'sbatch: error: invalid partition' >&2; exit 1\n")
    sbatch.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    slurm = cluster("slurm")
    adapter = make_adapter(slurm, Launch(machine_settings(), tmp_path))
    with pytest.raises(QueueError, match="sbatch: error: invalid partition"):
        submit_job(adapter, slurm, tmp_path, "pad")
    sbatch.write_text("#!/bin/sh\necho Submitted batch job 42\n")
    assert submit_job(adapter, slurm, tmp_path, "pad").number == "42"
    monkeypatch.setenv("PATH", str(tmp_path / "nothing"))
    with pytest.raises(QueueError, match="sbatch"):
        submit_job(adapter, slurm, tmp_path, "pad")


@pytest.mark.parametrize(
    ("location", "shown"),
    [
        (URI, "mongodb://nowhere.invalid:27017/misei"),
        ("mongodb+srv://u:p%40@h/?appName=x", "mongodb+srv://h"),
        ("mongodb://h1:1,h2:2/db", "mongodb://h1:1,h2:2/db"),
        ("/abs/results.sqlite", "/abs/results.sqlite"),
    ],
)
def test_what_is_shown_of_a_location(location: str, shown: str) -> None:
    assert public_name(location) == shown


@pytest.mark.parametrize(
    ("uri", "words"),
    [
        (f"mongodb://me:{PASSWORD}@127.0.0.1:PORT/misei", "127.0.0.1:PORT/misei does not answer"),
        (f"mongodb://me:{PASSWORD}:@h:port/misei", "not the address of a MongoDB"),
        (f"mysql://me:{PASSWORD}@h/misei", "not the address of a MongoDB"),
    ],
)
def test_a_launchpad_that_is_not_there_is_one_line_without_password(
    uri: str, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.socket() as free:  # a port that nobody answers at
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    monkeypatch.setattr("misei.launchers.fireworks.launchpad.ANSWER_WITHIN_S", 0.5)
    monkeypatch.setenv("MISEI_LAUNCHPAD", uri.replace("PORT", port))
    with pytest.raises(LaunchPadError) as raised:
        open_launchpad(machine_settings())
    text = str(raised.value)
    assert words.replace("PORT", port) in text
    assert "MISEI_LAUNCHPAD" in text
    cause: BaseException | None = raised.value
    while cause is not None:  # nor in what a traceback would show
        assert PASSWORD not in str(cause)
        cause = cause.__cause__ or cause.__context__


def test_no_launchpad_at_all_says_what_to_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MISEI_LAUNCHPAD")
    monkeypatch.setattr("fireworks.fw_config.LAUNCHPAD_LOC", None)
    with pytest.raises(LaunchPadError, match=r"MISEI_LAUNCHPAD=mongodb://.*my_launchpad\.yaml"):
        open_launchpad(machine_settings())


TRACEBACK = """\
Traceback (most recent call last):
  File "a.py", line 1, in <module>
KeyError: 'x'

During handling of the above exception, another exception occurred:

Traceback (most recent call last):
  File "b.py", line 2, in <module>
misei.structures.SlabError: no slab
of that thickness
"""


def test_the_line_that_names_the_exception() -> None:
    assert error_line(TRACEBACK) == "misei.structures.SlabError: no slab"
    assert error_line("only this\n") == "only this"
    stored = {"action": {"stored_data": {"_exception": {"_stacktrace": TRACEBACK}}}}
    assert launch_error(stored, {}) == "misei.structures.SlabError: no slab"
    details = {"_exception_details": {"_stacktrace": TRACEBACK}}
    assert launch_error(None, details) == "misei.structures.SlabError: no slab"


@pytest.mark.parametrize(
    ("written", "line"),
    [
        ("worker 3: 1/9 bulk\nslurmstepd: error: *** JOB 7 ON n1 CANCELLED AT 2026-11-21T15:00:00 "
         "DUE TO TIME LIMIT ***\n", "DUE TO TIME LIMIT"),
        ("slurmstepd: error: *** JOB 8 ON n1 CANCELLED AT 2026-11-21T15:00:00 ***", "JOB 8 ON n1"),
        ("slurmstepd: error: Detected 1 oom-kill event(s) in StepId=9.batch.", "oom-kill"),
        ("=>> PBS: job killed: walltime 61 exceeded limit 60\n", "walltime 61 exceeded"),
        ("TERM_RUNLIMIT: job killed after reaching LSF run time limit.", "TERM_RUNLIMIT"),
        ("FW_submit.script: line 9: module: command not found\n", "module: command not found"),
        ('Traceback (most recent call last):\n  File "x"\nModuleNotFoundError: No module named '
         "'misei'\n", "ModuleNotFoundError: No module named 'misei'"),
        ("misei: no LaunchPad is configured: set MISEI_LAUNCHPAD\n", "no LaunchPad"),
    ],
)  # fmt: skip
def test_the_queue_files_say_why(written: str, line: str, tmp_path: Path) -> None:
    job = tmp_path / "launches" / "launcher_1"
    rocket = job / "worker_1" / "launcher_2"
    rocket.mkdir(parents=True)
    (rocket / "FW_job.error").write_text("")
    (job / "FW_job-7.out").write_text("all is well\n")
    assert files_error(rocket) is None
    (job / "FW_job-7.error").write_text(written)
    (tmp_path / "FW_job.error").write_text("ValueError: of somebody else")
    found = files_error(rocket)
    assert found is not None
    assert line in found
    assert "\n" not in found
    assert launch_error({"launch_dir": str(rocket)}, {}) == found


def test_jobs_that_flows_share_are_one_firework(tmp_path: Path) -> None:
    log = str(tmp_path / "log")

    def flow(name: str) -> Flow:
        shared = make(add, "shared", [], log)
        return Flow([shared, make(add, name, [shared.output], log)])

    workflow = to_workflow([flow("x"), flow("y")], SPEC, "both")
    names = {i: firework.name for i, firework in workflow.id_fw.items()}
    assert sorted(names.values()) == ["shared", "x", "y"]
    links = {names[p]: sorted(names[c] for c in cs) for p, cs in workflow.links.items() if cs}
    assert links == {"shared": ["x", "y"]}


def test_categories_are_engines(tmp_path: Path) -> None:
    from ase.build import bulk
    from pymatgen.io.ase import AseAtomsAdaptor

    _, migration = property_makers("sevennet", "quick")
    crystal = AseAtomsAdaptor.get_structure(bulk("Li", "bcc", a=3.4))
    flow = migration.make(crystal, "Li")
    made = to_workflow([flow], SPEC, "f")
    categories = {firework.name: firework.spec["_category"] for firework in made.id_fw.values()}
    # The maker of one names its engine; the other's is one of the engine itself.
    assert categories == {"Li: hops": "sevennet", "Li: bulk": "emt"}
    fixed = to_workflow([flow], SPEC | {"fixed_category": True}, "f")
    assert {firework.spec["_category"] for firework in fixed.id_fw.values()} == {"emt"}
    assert json.dumps(fixed.to_db_dict(), default=str)


def test_the_commands_import_nothing_heavy() -> None:
    heavy = "{'fireworks', 'pymongo', 'dask', 'scipy', 'torch', 'pymatgen', 'jobflow'}"
    code = f"import sys, misei.launchers.commands.fireworks; print({heavy} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
