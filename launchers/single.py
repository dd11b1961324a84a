"""One property of crystals, run or found in the store: what `misei adhesion` and others do."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Generic, TypeVar

from jobflow import Flow
from pydantic import BaseModel
from pymatgen.core import Structure

from misei.launchers.commands.console import print_report, progress
from misei.launchers.local import run_flows
from misei.launchers.machine import machine_settings
from misei.launchers.pools import open_pool
from misei.launchers.sources import open_source
from misei.launchers.store import open_store
from misei.screening.results import find_document
from misei.screening.schemas_adhesion import AdhesionDoc
from misei.screening.schemas_migration import MigrationDoc
from misei.settings import Settings
from misei.workflows.campaign import property_makers

Doc = TypeVar("Doc", bound=BaseModel)


class CrystalError(ValueError):
    """An alloy that is neither in the source nor a readable structure file."""


class RunError(ValueError):
    """A run that ended without the result that was asked for."""


def read_crystal(text: str, source: str | None = None) -> tuple[str, Structure]:
    """Return name and structure of a phase of a source, or of a structure file.

    Parameters
    ----------
    text
        Formula (its lowest polymorph) or id, or the path of a structure file.
    source
        Name of the source, by default that of the settings.

    Raises
    ------
    CrystalError
        When it is neither.
    """
    if names_file(text):
        structure = read_file(Path(text))
    else:
        phases = open_source(source)
        entries = phases.find(text)
        if not entries:
            raise CrystalError(
                f"{text!r} is neither a phase of the {phases.name} (`misei alloys METAL` lists "
                "alloys) nor a structure file"
            )
        structure = entries[0].structure
    return structure.composition.reduced_formula if names_file(text) else text, structure


def names_file(text: str) -> bool:
    """Whether an argument names a structure file, no phase of a source."""
    path = Path(text)
    return path.suffix != "" or "/" in text or path.is_file()


def read_file(path: Path) -> Structure:
    """Read a structure file of any format that pymatgen knows.

    Raises
    ------
    CrystalError
        When it is missing or cannot be read.
    """
    if not path.is_file():
        raise CrystalError(f"no such structure file: {path}")
    try:
        return Structure.from_file(path)
    except Exception as error:  # pymatgen's readers raise anything
        raise CrystalError(f"{path} is not a structure that pymatgen reads: {error}") from error


def run_adhesion(
    alloy: str,
    engine: str,
    preset: str,
    workers: int | None,
    run_dir: Path | None,
    source: str | None = None,
    **choices: Any,
) -> AdhesionDoc:
    """Compute the work of adhesion of Li on one crystal, or find it in the store.

    ``choices`` are further fields of :class:`~misei.workflows.adhesion.AdhesionMaker`.
    """
    name, structure = read_crystal(alloy, source)
    maker, _ = property_makers(engine, preset)
    maker = replace(maker, **choices)
    return run_flow(maker.make(structure, name), AdhesionDoc, workers, run_dir)


def run_barrier(
    alloy: str,
    engine: str,
    preset: str,
    workers: int | None,
    run_dir: Path | None,
    source: str | None = None,
    **choices: Any,
) -> MigrationDoc:
    """Compute the migration barriers of one crystal, or find them in the store.

    ``choices`` are further fields of :class:`~misei.workflows.migration.MigrationMaker`.
    """
    name, structure = read_crystal(alloy, source)
    _, maker = property_makers(engine, preset)
    maker = replace(maker, **choices)
    return run_flow(maker.make(structure, name), MigrationDoc, workers, run_dir)


def run_flow(flow: Flow, schema: type[Doc], workers: int | None, run_dir: Path | None) -> Doc:
    """Run a flow on this machine, or find its result in the store.

    Raises
    ------
    RunError
        When a job that the result needs failed.
    """
    run: PropertyRun[Doc] = PropertyRun()
    run.add({flow.name: flow}, schema, machine_settings(workers, run_dir), flow.name)
    if run.failed:
        raise RunError(f"{flow.name} gave no result: see the failure above")
    return run.documents[flow.name]


@dataclass
class PropertyRun(Generic[Doc]):
    """One property of several crystals.

    Attributes
    ----------
    documents
        By entry id, or by path of a structure file.
    failed
        Ids and paths without a result.
    """

    documents: dict[str, Doc] = field(default_factory=dict)
    failed: list[str] = field(default_factory=list)

    def add(
        self, flows: Mapping[str, Flow], schema: type[Doc], settings: Settings, title: str
    ) -> None:
        """Run flows by label, or find their results in the store; the title is for progress."""
        store = open_store(settings.store_location)
        with progress(title) as on_progress, open_pool(settings) as pool:
            report = run_flows(flows.values(), store, settings.run_dir, pool, on_progress)
        print_report(report)
        for label, flow in flows.items():
            document = find_document(store, flow.output.uuid, schema)
            if document is None:
                self.failed.append(label)
            else:
                self.documents[label] = document
