"""Energies of one engine on geometries of another."""

from __future__ import annotations

from dataclasses import replace

import pytest
from pymatgen.core import Lattice, Structure

from misei.workflows import single_points
from misei.workflows.engines import get_engine
from misei.workflows.single_points import mixed_provenance, relaxed_with_energy


@pytest.fixture
def engines(monkeypatch):
    """EMT under two names, of which one says that it is DFT."""

    def named(name: str, fmax: float = 0.05):
        kind = "DFT" if name == "dft" else "potential"
        return replace(get_engine("emt", fmax), name=name, energies_from=kind)

    monkeypatch.setattr(single_points, "get_engine", named)


@pytest.mark.parametrize(
    ("engine", "energy_engine", "expected"),
    [
        ("emt", None, "potential"),
        ("emt", "other", "potential"),
        ("emt", "dft", "DFT on a potential's geometry"),
        ("dft", None, "DFT"),
        ("dft", "dft", "DFT"),
    ],
)
def test_document_says_what_its_energies_are(engines, engine, energy_engine, expected):
    provenance = mixed_provenance(engine, energy_engine, 0.05, {"a": 1})
    assert provenance.energies_from == expected
    assert provenance.engine == (energy_engine or engine)
    assert provenance.settings["a"] == 1
    if energy_engine is not None:
        assert provenance.settings["geometries_from"].startswith(engine)


def test_same_calculation_is_one_job(engines):
    slab = Structure(Lattice.cubic(3.6), ["Cu"], [[0, 0, 0]])
    jobs = {}
    first = relaxed_with_energy("emt", "dft", 0.05, slab, "one", jobs)
    second = relaxed_with_energy("emt", "dft", 0.05, slab, "the same", jobs)
    assert len(jobs) == 2
    assert [ref.uuid for ref in first] == [ref.uuid for ref in second]
    geometry, energy = relaxed_with_energy("emt", None, 0.05, slab, "alone", jobs)
    assert geometry.uuid == energy.uuid
