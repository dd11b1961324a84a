"""The reference set: one phase relaxed, the file built, nothing computed twice."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest
from jobflow import Flow, JobStore, run_locally
from maggma.stores import MemoryStore
from pymatgen.core import Structure

from misei.launchers.pools import InlinePool
from misei.launchers.reference import build_reference_set
from misei.structures.prototypes import Prototype, WyckoffSite, load_prototypes
from misei.structures.reference_set import (
    ReferenceSetError,
    load_reference_set,
    write_reference_set,
)
from misei.workflows.reference import ReferencePhaseDoc, ReferencePhaseMaker

MAKER = ReferencePhaseMaker(engine="emt", fmax=0.005, orderings=3)
# EMT's energy zero is the fcc metal at equilibrium; lattice constants are those of ase's EMT.
EMT_LATTICE_A = {"Al": 3.993, "Ag": 4.063}
LATTICE_TOLERANCE_A = 0.01
ENERGY_TOLERANCE_EV = 0.01
CU3AU = Prototype(
    id="Cu3Au-test",
    formula="Cu3Au",
    spacegroup=221,
    lattice=(3.75, 3.75, 3.75, 90.0, 90.0, 90.0),
    sites=(
        WyckoffSite("Au", "1a", (0.0, 0.0, 0.0)),
        WyckoffSite("Cu", "3c", (0.0, 0.5, 0.5)),
    ),
    structure_type="L1_2",
    reference="an entry for this test",
)


def run(flow: Flow, folder: Path) -> ReferencePhaseDoc:
    store = JobStore(MemoryStore(), additional_stores={"data": MemoryStore()})
    run_locally(
        flow, store=store, log=False, create_folders=True, root_dir=folder, ensure_success=True
    )
    return ReferencePhaseDoc(**store.get_output(flow.output.uuid, load=True))


@pytest.mark.parametrize("element", EMT_LATTICE_A)
def test_an_fcc_metal_relaxes_to_its_emt_lattice(element: str, tmp_path: Path) -> None:
    prototype = load_prototypes()[f"{element}-225"]
    document = run(MAKER.make(prototype), tmp_path)
    assert document.converged
    assert document.id == f"{element}-225"
    assert len(document.structure) == 1
    lattice_constant = (4 * document.structure.volume) ** (1 / 3)
    assert lattice_constant == pytest.approx(EMT_LATTICE_A[element], abs=LATTICE_TOLERANCE_A)
    assert document.energy == pytest.approx(0.0, abs=ENERGY_TOLERANCE_EV)
    assert document.correction == 0
    assert document.ordering == ""
    assert document.reference == prototype.reference
    assert document.provenance.engine == "emt"
    assert document.provenance.engine_version.startswith("ase")


def test_the_record_is_what_the_document_says(tmp_path: Path) -> None:
    document = run(MAKER.make(CU3AU), tmp_path)
    record = json.loads(json.dumps(document.record()))
    structure = Structure.from_dict(record["structure"])
    assert record["formula"] == "Cu3Au"
    assert record["natoms"] == len(structure) == 4
    assert record["volume"] == pytest.approx(structure.volume, abs=0.01)
    assert record["energy"] == pytest.approx(document.energy, abs=1e-5)
    assert structure.matches(document.structure, ltol=1e-4, stol=1e-4)
    assert record["converged"]


def test_a_built_set_can_be_read_and_is_not_built_twice(tmp_path: Path) -> None:
    pool = InlinePool()
    prototypes = [load_prototypes()[name] for name in ("Al-225", "Ag-225")]
    output = tmp_path / "reference_set.json.gz"
    report, phases = build_reference_set(prototypes, tmp_path / "run", output, pool, MAKER)
    assert report.failed == {}
    assert len(report.computed) == 4
    read = load_reference_set(output)
    assert [phase["id"] for phase in read["phases"]] == ["Ag-225", "Al-225"]
    records = json.loads(json.dumps([phase.record() for phase in phases]))
    assert read["phases"] == sorted(records, key=lambda record: record["id"])
    assert read["provenance"]["engine"] == "emt"
    assert read["provenance"]["fmax_eV_per_A"] == MAKER.fmax
    first = output.read_bytes()
    report, again = build_reference_set(prototypes, tmp_path / "run", output, pool, MAKER)
    assert report.computed == []
    assert len(again) == 2
    assert output.read_bytes() == first


def test_a_rewritten_set_is_read_anew(tmp_path: Path) -> None:
    path = tmp_path / "reference_set.json.gz"
    for phases in ([{"id": "b"}], [{"id": "b"}, {"id": "a"}]):
        write_reference_set({"engine": "made up"}, phases, path)
        assert load_reference_set(path)["phases"] == sorted(phases, key=lambda p: p["id"])
    assert [file.name for file in tmp_path.iterdir()] == [path.name]


@pytest.mark.parametrize(
    "content",
    [
        None,
        b"",
        b"not gzip",
        gzip.compress(b"not JSON"),
        gzip.compress(b"[]"),
        gzip.compress(b'{"phases": []}'),
        gzip.compress(b'{"provenance": {}, "phases": []}')[:-9],
    ],
    ids=["missing", "empty", "text", "no JSON", "a list", "no provenance", "cut off"],
)
def test_what_is_no_reference_set_is_refused(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "reference_set.json.gz"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ReferenceSetError, match="no readable reference set at") as caught:
        load_reference_set(path)
    assert "\n" not in str(caught.value)
