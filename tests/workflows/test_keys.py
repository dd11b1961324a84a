"""The uuid of a job is its content: in any process, and nothing else."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from typing import Any

import pytest
from ase.build import bulk
from jobflow import Maker, job
from monty.json import MontyDecoder, MontyEncoder
from pydantic import BaseModel
from pymatgen.core import Structure
from pymatgen.io.ase import AseAtomsAdaptor

from misei.screening.schemas_paths import PathGuess
from misei.workflows import keys
from misei.workflows.engines import get_engine
from misei.workflows.keys import content_uuid, keyed


class Number(BaseModel):
    """Output of the jobs here."""

    value: float


@job(output_schema=Number)
def double(number: Any, **options: Any) -> Number:
    return Number(value=2 * number)


@job(output_schema=Number)
def triple(number: Any) -> Number:
    return Number(value=3 * number)


@job
def without_schema(number: float) -> float:
    return number


@dataclass
class PowerMaker(Maker):
    """Take a power."""

    name: str = "power"
    exponent: float = 2.0

    @job(output_schema=Number)
    def make(self, number: Any) -> Number:
        return Number(value=number**self.exponent)


def copper(a: float = 3.6) -> Structure:
    return AseAtomsAdaptor.get_structure(bulk("Cu", a=a))


OTHER_PROCESS = """
from ase.build import bulk
from pymatgen.io.ase import AseAtomsAdaptor
from misei.workflows.engines import get_engine
engine = get_engine("emt", 0.03)
relaxation = engine.relax(AseAtomsAdaptor.get_structure(bulk("Cu", a=3.6)), "a name")
print(relaxation.uuid, engine.static(relaxation.output.structure, "another").uuid)
"""


def test_the_same_content_has_the_same_uuid_in_another_process() -> None:
    """Also with another hash seed, by which sets and some dicts are ordered."""
    engine = get_engine("emt", 0.03)
    relaxation = engine.relax(copper(), "a")
    static = engine.static(relaxation.output.structure, "b")
    run = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", OTHER_PROCESS],
        env=os.environ | {"PYTHONHASHSEED": "12345"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert run.stdout.split() == [relaxation.uuid, static.uuid]


def test_the_name_of_a_job_is_no_content() -> None:
    first, second = keyed(double(1.0)), keyed(double(1.0))
    second.name = "another name"
    assert first.uuid == second.uuid == content_uuid(second)


@pytest.mark.parametrize(
    "other",
    [double(2.0), double(1.0, k=1), triple(1.0), double([1.0]), double("1.0")],
    ids=["value", "keyword", "function", "list", "text"],
)
def test_other_arguments_have_another_uuid(other: Any) -> None:
    assert keyed(other).uuid != keyed(double(1.0)).uuid


def test_the_order_of_keywords_is_no_content() -> None:
    assert keyed(double(1.0, a=1, b=2)).uuid == keyed(double(1.0, b=2, a=1)).uuid


def test_settings_of_the_maker_are_content() -> None:
    square, again = keyed(PowerMaker().make(2.0)), keyed(PowerMaker(exponent=2.0).make(2.0))
    cube = keyed(PowerMaker(exponent=3.0).make(2.0))
    assert square.uuid == again.uuid != cube.uuid


def test_engine_jobs_differ_by_tolerance_structure_kind_and_engine() -> None:
    engine = get_engine("emt", 0.05)
    guess = PathGuess(images=[copper()] * 3, end_energies=(0.0, 0.0), mover=0)
    distinct = [
        engine.relax(copper(), "x"),
        engine.relax(copper(3.6001), "x"),
        engine.relax_ions(copper(), "x"),
        engine.static(copper(), "x"),
        engine.saddle(guess, "x"),
        get_engine("emt", 0.04).relax(copper(), "x"),
        get_engine("sevennet", 0.05).relax(copper(), "x"),
        get_engine("sevennet-l3i5", 0.05).relax(copper(), "x"),
    ]
    assert len({each.uuid for each in distinct}) == len(distinct)
    assert get_engine("emt").relax(copper(), "y").uuid == distinct[0].uuid


def test_versions_are_content(monkeypatch: pytest.MonkeyPatch) -> None:
    old = keyed(double(1.0), version="7net 1").uuid
    assert keyed(double(1.0), version="7net 2").uuid != old
    monkeypatch.setattr(keys, "CONTENT_VERSION", keys.CONTENT_VERSION + 1)
    assert keyed(double(1.0), version="7net 1").uuid != old


def test_versions_of_other_packages_are_no_content() -> None:
    structure = copper().as_dict()
    older = structure | {"@version": "2020.1.1"}
    assert keyed(double([structure])).uuid == keyed(double([older])).uuid
    assert keyed(double([structure | {"charge": 1}])).uuid != keyed(double([older])).uuid


def test_references_count_by_the_uuid_they_point_at() -> None:
    def chain(start: float) -> Any:
        return keyed(triple(keyed(double(start)).output))

    assert chain(1.0).uuid == chain(1.0).uuid != chain(2.0).uuid
    first = keyed(double(1.0))
    assert keyed(triple(first.output.value)).uuid != keyed(triple(first.output)).uuid


def test_the_output_refers_to_the_new_uuid() -> None:
    first = keyed(double(1.0))
    assert first.output.uuid == first.uuid
    assert first.output.output_schema is Number
    with pytest.raises(AttributeError, match="no_such_field"):
        _ = first.output.no_such_field


def test_a_job_without_a_schema_is_refused() -> None:
    with pytest.raises(TypeError, match="'without_schema' declares no output schema"):
        keyed(without_schema(1.0))
    declared = keyed(without_schema(1.0), output_schema=Number)
    assert declared.output_schema is declared.output.output_schema is Number


def test_a_key_survives_the_way_to_a_worker() -> None:
    first = get_engine("emt").relax(copper(), "x")
    again = json.loads(json.dumps(first, cls=MontyEncoder), cls=MontyDecoder)
    assert again.uuid == first.uuid == content_uuid(again, f"emt {get_engine('emt').version}")
