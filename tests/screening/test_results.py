from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from jobflow import Flow, JobStore, Response, job, run_locally
from maggma.stores import MemoryStore
from monty.json import jsanitize

from misei.launchers.store import open_store
from misei.screening.results import ResultsError, find_document, find_documents
from misei.screening.schemas import Document
from misei.screening.schemas_adhesion import AdhesionDoc
from misei.screening.schemas_migration import MigrationDoc
from misei.screening.schemas_thermodynamics import AlloyCandidate


def entry(
    output: Any, uuid: str, index: int = 1, completed_at: str = "2026-01-01T00:00:00"
) -> dict[str, Any]:
    """One entry of a job, as jobflow writes it."""
    return {
        "uuid": uuid,
        "index": index,
        "name": "a job",
        "output": jsanitize(output, strict=True, enum_values=True),
        "completed_at": completed_at,
    }


def reference(uuid: str, *attributes: list[Any]) -> dict[str, Any]:
    return {
        "@module": "jobflow.core.reference",
        "@class": "OutputReference",
        "uuid": uuid,
        "attributes": list(attributes),
    }


@pytest.fixture(params=["memory", "sqlite", "jobstore"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Any:
    if request.param == "memory":
        store: Any = MemoryStore(key="uuid")
    elif request.param == "sqlite":
        return open_store(tmp_path / "results.sqlite")
    else:
        store = JobStore(MemoryStore(), additional_stores={"data": MemoryStore()})
    store.connect()
    return store


def put(store: Any, *entries: dict[str, Any]) -> None:
    store.update(list(entries), key=["uuid", "index"])


def test_documents_come_back_newest_first(store: Any, build: SimpleNamespace) -> None:
    zinc = build.adhesion("LiZn", [0.6])
    put(
        store,
        entry(build.adhesion("Li3Al", [0.4]), "a", completed_at="2026-01-01T10:00:00"),
        entry(build.adhesion("Li3Al", [0.8]), "b", completed_at="2026-01-03T10:00:00"),
        entry(zinc, "c", completed_at="2026-01-02T10:00:00"),
        entry(build.migration("Li3Al", {"1": 0.2}), "d"),
        entry({"alloy": "Li3Al"}, "e"),
    )
    found = find_documents(store, AdhesionDoc)
    assert [doc.work_of_adhesion for doc in found] == pytest.approx([0.8, 0.6, 0.4])
    assert found[1] == zinc
    alloy = find_documents(store, AdhesionDoc, alloy="Li3Al", engine="toy")
    assert [doc.work_of_adhesion for doc in alloy] == pytest.approx([0.8, 0.4])
    assert find_documents(store, AdhesionDoc, engine="other") == []
    assert find_documents(store, MigrationDoc, percolation_dimensions=1)[0].alloy == "Li3Al"


def test_unconverged_documents_are_refused_unless_asked(store: Any, build: SimpleNamespace) -> None:
    put(store, entry(build.adhesion("Li3Al", [0.4], converged=False), "a"))
    assert find_documents(store, AdhesionDoc) == []
    (doc,) = find_documents(store, AdhesionDoc, accept_unconverged=True)
    assert not doc.converged
    by_name = find_document(store, "a", AdhesionDoc)
    assert by_name is not None
    assert not by_name.converged


def test_highest_index_counts(store: Any, build: SimpleNamespace) -> None:
    put(
        store,
        entry(build.adhesion("Li3Al", [0.4]), "rerun", 1),
        entry(build.adhesion("Li3Al", [0.9]), "rerun", 2),
        entry(build.adhesion("LiZn", [0.4]), "replaced", 1),
        entry(None, "replaced", 2),
    )
    assert [d.work_of_adhesion for d in find_documents(store, AdhesionDoc)] == pytest.approx([0.9])
    doc = find_document(store, "rerun", AdhesionDoc)
    assert doc is not None
    assert doc.work_of_adhesion == pytest.approx(0.9)
    assert find_document(store, "replaced", AdhesionDoc) is None


def test_references_are_followed(store: Any, build: SimpleNamespace) -> None:
    put(
        store,
        entry(None, "maker", 1),
        entry(reference("pair", ["i", "second"], ["i", 0]), "maker", 2),
        entry({"second": [build.migration("Li3Al", {"1": 0.2})]}, "pair"),
        entry(None, "open", 1),
        entry(reference("not-run"), "open", 2),
    )
    doc = find_document(store, "maker", MigrationDoc)
    assert doc is not None
    assert doc.migration_barrier == pytest.approx(0.2)
    assert find_document(store, "open", MigrationDoc) is None
    assert find_document(store, "nobody", MigrationDoc) is None


def test_wrong_kind_and_unfit_documents(store: Any, build: SimpleNamespace) -> None:
    unfit = jsanitize(build.migration("LiZn", {"1": 0.2}), strict=True) | {"natoms": "many"}
    put(store, entry(build.adhesion("Li3Al", [0.4]), "a"), entry(unfit, "b"), entry([1], "c"))
    with pytest.raises(ResultsError, match="job a holds a AdhesionDoc, not a MigrationDoc"):
        find_document(store, "a", MigrationDoc)
    with pytest.raises(ResultsError, match="job c holds a list"):
        find_document(store, "c", MigrationDoc)
    with pytest.raises(ResultsError, match=r"job b is not a MigrationDoc .*: natoms: "):
        find_documents(store, MigrationDoc)


def test_unknown_field(store: Any) -> None:
    with pytest.raises(ResultsError, match=r"no field 'aloy'; valid: converged,.* alloy"):
        find_documents(store, AdhesionDoc, aloy="Li3Al")


CANDIDATE: dict[str, Any] = {
    "alloy": "Li3Al", "metal": "Al", "entry_id": "Li3Al-1", "e_above_hull": 0.01,
    "equilibrium_with_li": True, "potential_low": 0.0, "potential_high": 0.3,
    "volume_per_atom": 18.0,
}  # fmt: skip


@job(output_schema=AlloyCandidate)
def inner_candidate(shift: float) -> Document:
    return AlloyCandidate(**{**CANDIDATE, "e_above_hull": CANDIDATE["e_above_hull"] + shift})


@job
def outer_candidate() -> Response[Any]:
    inner = inner_candidate(0.02)
    return Response(replace=Flow([inner], output=inner.output))


def test_what_jobflow_writes_is_read(tmp_path: Path) -> None:
    store = JobStore(MemoryStore(), additional_stores={"data": MemoryStore()})
    outer = outer_candidate()
    run_locally(Flow([outer]), store=store, log=False, create_folders=True, root_dir=tmp_path,
                ensure_success=True)  # fmt: skip
    doc = find_document(store, outer.uuid, AlloyCandidate)
    assert doc is not None
    assert doc.e_above_hull == pytest.approx(0.03)
    assert find_documents(store, AlloyCandidate, metal="Al") == [doc]
