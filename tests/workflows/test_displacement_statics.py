"""Statics of displaced cells: tighter where a code iterates, the engine's own elsewhere."""

from __future__ import annotations

import pytest
from ase.build import bulk
from pymatgen.io.ase import AseAtomsAdaptor

from misei.workflows.displacement_statics import (
    TightGpawMaker,
    displaced_static,
    displacement_calculator,
    displacement_maker,
)
from misei.workflows.engines import get_engine

COPPER = AseAtomsAdaptor.get_structure(bulk("Cu"))


def test_gpaw_converges_the_density_further() -> None:
    engine = get_engine("gpaw-standard")
    maker, calculator = displacement_maker(engine), displacement_calculator(engine)
    assert isinstance(maker, TightGpawMaker)
    assert (maker.preset, maker.steps) == ("standard", engine.static_maker.steps)
    usual = engine.get_calculator().model.preset
    tight = calculator.model.preset
    assert tight.density_tolerance < usual.density_tolerance / 10
    # Journals tell the two apart.
    assert calculator.label != engine.get_calculator().label
    assert displaced_static(engine, COPPER, "x").uuid != engine.static(COPPER, "x").uuid


@pytest.mark.parametrize(("engine", "has_one"), [("emt", True), ("vasp", False)])
def test_calculators(engine: str, has_one: bool) -> None:
    assert (displacement_calculator(get_engine(engine)) is not None) == has_one


def test_a_potential_has_one_kind_of_static() -> None:
    engine = get_engine("emt")
    assert displaced_static(engine, COPPER, "x").uuid == engine.static(COPPER, "y").uuid


def test_vasp_has_an_input_set_of_its_own() -> None:
    engine = get_engine("vasp")
    displaced, static = displaced_static(engine, COPPER, "x"), engine.static(COPPER, "x")
    assert displaced.uuid != static.uuid
    assert displaced.output_schema is static.output_schema is engine.task_schema
