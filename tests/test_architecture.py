"""The layout holds: imports point one way, nothing heavy is loaded early, jobs have schemas."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from pathlib import Path
from uuid import UUID

import pytest
from jobflow import Flow, Job

import misei
from misei.screening.schemas_paths import PathGuess
from misei.structures.prototypes import load_prototypes
from misei.workflows.adhesion import AdhesionMaker
from misei.workflows.elasticity import ElasticityMaker
from misei.workflows.engines import engine_names, get_engine
from misei.workflows.migration import MigrationMaker
from misei.workflows.reference import ReferencePhaseMaker
from misei.workflows.surfaces import SurfaceEnergyMaker
from misei.workflows.vibrations import VibrationsMaker

ROOT = Path(__file__).parents[1]
# Each folder may import itself and those before it.
LAYERS = ["structures", "screening", "workflows", "launchers"]
SOURCES = [path for layer in LAYERS for path in sorted((ROOT / layer).rglob("*.py"))]
PACKAGE = [ROOT / "src" / "misei" / name for name in ("__init__.py", "settings.py")]
CALCULATORS = {"jobflow", "atomate2", "torch", "sevenn", "gpaw"}
HEAVY = {"torch", "mp_api"}


def imported_modules(path: Path) -> set[str]:
    """Full names of all modules that a file imports, anywhere in it."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
    return found


def module_level_imports(path: Path) -> set[str]:
    """First names of the modules imported when the file is."""
    found: set[str] = set()
    for node in ast.parse(path.read_text()).body:
        if isinstance(node, ast.Import):
            found |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            found.add(str(node.module).split(".")[0])
    return found


def job_decorators(path: Path) -> list[tuple[str, bool]]:
    """Functions decorated with ``@job``, and whether the decorator names an output schema."""
    found = []
    for node in ast.walk(ast.parse(path.read_text())):
        for decorator in getattr(node, "decorator_list", []):
            call = decorator if isinstance(decorator, ast.Call) else None
            name = ast.unparse(call.func if call else decorator).split(".")[-1]
            if name == "job":
                keywords = {keyword.arg for keyword in call.keywords} if call else set()
                found.append((node.name, "output_schema" in keywords))
    return found


def loaded_after(code: str) -> set[str]:
    """First names of the modules that are loaded once a new process has run the code."""
    report = "import sys, json; print(json.dumps(sorted({m.split('.')[0] for m in sys.modules})))"
    run = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", f"{code}\n{report}"],
        capture_output=True,
        text=True,
        check=True,
    )
    return set(json.loads(run.stdout.splitlines()[-1]))


def test_the_four_folders_are_the_package() -> None:
    assert len(SOURCES) > 20
    for layer in LAYERS:
        assert (ROOT / "src" / "misei" / layer).resolve() == ROOT / layer
    assert Path(misei.__file__).parent.resolve() == (ROOT / "src" / "misei").resolve()


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_imports_point_one_way(path: Path) -> None:
    layer = path.relative_to(ROOT).parts[0]
    allowed = LAYERS[: LAYERS.index(layer) + 1]
    for name in imported_modules(path):
        parts = name.split(".")
        if parts[0] == "misei" and parts[1] in LAYERS:
            assert parts[1] in allowed, f"{path.name} imports {name}"
        assert parts[0] not in LAYERS, f"{path.name} imports {name} not through misei"


@pytest.mark.parametrize("path", PACKAGE, ids=lambda path: path.name)
def test_the_package_itself_imports_none_of_the_folders(path: Path) -> None:
    assert not [name for name in imported_modules(path) if name.startswith("misei")]


@pytest.mark.parametrize(
    "path",
    [path for path in SOURCES if path.relative_to(ROOT).parts[0] in LAYERS[:2]],
    ids=lambda path: str(path.relative_to(ROOT)),
)
def test_structures_and_screening_know_no_workflow_and_no_calculator(path: Path) -> None:
    names = imported_modules(path)
    assert not {name.split(".")[0] for name in names} & CALCULATORS
    assert not [name for name in names if name.startswith("ase.calculators")]


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_nothing_heavy_is_imported_at_module_level(path: Path) -> None:
    assert not module_level_imports(path) & {*HEAVY, "sevenn", "chgnet"}


def test_importing_misei_loads_next_to_nothing() -> None:
    assert not loaded_after("import misei") & {*HEAVY, "pymatgen", "numpy", "jobflow", "ase"}


@pytest.mark.parametrize("arguments", [["--help"], ["screen", "--help"], ["--version"]])
def test_asking_the_command_line_for_help_loads_nothing_heavy(arguments: list[str]) -> None:
    code = (
        "from typer.testing import CliRunner\n"
        "from misei.launchers.cli import app\n"
        f"result = CliRunner().invoke(app, {arguments!r})\n"
        "assert result.exit_code == 0, result.output\n"
        "assert result.output"
    )
    assert not loaded_after(code) & {*HEAVY, "pymatgen", "jobflow", "ase", "scipy"}


def test_every_decorated_function_declares_its_schema() -> None:
    """jobflow swallows a misspelt ``@job(schema=...)`` in silence."""
    found = [
        (path.name, *decorated)
        for path in sorted((ROOT / "workflows").glob("*.py"))
        for decorated in job_decorators(path)
    ]
    assert len(found) > 5
    assert [entry for entry in found if not entry[2]] == []


def flows() -> list[Flow]:
    silver, aluminium = (
        load_prototypes()["Ag-225"].structure(),
        load_prototypes()["Al-225"].structure(),
    )
    return [
        MigrationMaker.quick("emt", mobile_species="Ag").make(silver),
        AdhesionMaker.quick("emt").make(aluminium, alloy="Al"),
        SurfaceEnergyMaker(engine="emt").make(silver),
        ReferencePhaseMaker(engine="emt").make(load_prototypes()["Ag-225"]),
        VibrationsMaker(engine="emt").make(aluminium, "Al"),
        ElasticityMaker(engine="emt").make(aluminium, "Al"),
    ]


def test_every_job_of_every_flow_declares_its_schema() -> None:
    jobs: list[Job] = [job for flow in flows() for job, _ in flow.iterflow()]
    assert len(jobs) > 6
    # What atomate2's flows do between calculations has no schema of its own.
    without = [job for job in jobs if job.output_schema is None]
    assert [j.name for j in without if not j.function.__module__.startswith("atomate2")] == []
    assert {UUID(job.uuid).version for job in jobs} == {5}, "not all are named by content"


@pytest.mark.parametrize("name", engine_names())
def test_every_job_of_every_engine_declares_its_schema(name: str) -> None:
    engine, crystal = get_engine(name), load_prototypes()["Al-225"].structure()
    jobs = [make(crystal, "x") for make in (engine.relax, engine.relax_ions, engine.static)]
    guess = PathGuess(images=[crystal] * 3, end_energies=(0.0, 0.0), mover=0)
    jobs.append(engine.saddle(guess, "x"))
    assert all(job.output_schema is not None for job in jobs)
