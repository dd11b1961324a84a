"""Vibrations of phases of a source: computed or found, and read for finite temperature."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from misei.launchers.machine import machine_settings
from misei.launchers.single import PropertyRun
from misei.launchers.sources import open_source
from misei.screening.chemical_systems import parse_chemical_system
from misei.screening.entries import EntrySource, MissingDataError, ReferenceEntry, lowest_phase
from misei.screening.schemas_vibrations import VibrationsDoc
from misei.screening.thermodynamics import phase_name
from misei.screening.vibration_plots import write_band_figure
from misei.screening.vibrations import competing_phases, finite_temperature_source
from misei.settings import Settings
from misei.workflows.engines import get_engine
from misei.workflows.vibrations import VibrationsMaker


class NoPhaseError(ValueError):
    """Nothing to compute vibrations of."""


@dataclass
class VibrationsRun(PropertyRun[VibrationsDoc]):
    """What `misei vibrations` did.

    Attributes
    ----------
    missing
        By chemical system that was asked for: competing phases that still lack a free energy.
    """

    missing: dict[str, tuple[str, ...]] = field(default_factory=dict)

    @property
    def unstable(self) -> list[str]:
        """Ids of the dynamically unstable phases."""
        return [i for i, document in self.documents.items() if not document.dynamically_stable]


def run_vibrations(
    phases: Iterable[str],
    systems: Iterable[str],
    engine: str,
    workers: int | None = None,
    run_dir: Path | None = None,
    source_name: str | None = None,
    min_length: float = VibrationsMaker.min_length,
) -> VibrationsRun:
    """Compute the vibrations of phases of a source, or find them in the store.

    Parameters
    ----------
    phases
        Formulas (of polymorphs the one of lowest energy) or ids.
    systems
        Chemical systems, e.g. ``Li-Al``: all their competing phases. Where one turns out to be
        dynamically unstable, the polymorph that takes its place is computed as well.
    engine, workers, run_dir
        As on the command line.
    source_name
        Where the crystals come from; by default the source of the settings. Free energies serve
        the source whose ids they carry.
    min_length
        Least distance between periodic images in the supercell, angstrom.

    Raises
    ------
    MissingDataError, ChemicalSystemError
        For a phase or a system that the source does not hold.
    NoPhaseError
        When neither phases nor systems are given.
    UnknownEngineError
        For an engine that is not known.
    """
    get_engine(engine)
    source = open_source(source_name)
    symbols = {system: parse_chemical_system(system).split("-") for system in systems}
    wanted = [lowest_phase(source, phase) for phase in phases]
    wanted += [entry for s in symbols.values() for entry in competing_phases(source, s)]
    if not wanted:
        raise NoPhaseError("no phase given; name formulas, ids or a --system, e.g. Li-Al")
    settings, run = machine_settings(workers, run_dir), VibrationsRun()
    while wanted:
        _compute(wanted, VibrationsMaker(engine=engine, min_length=min_length), settings, run)
        wanted = [entry for s in symbols.values() for entry in _successors(source, s, run)]
    run.missing = {system: _missing(source, s, run) for system, s in symbols.items()}
    return run


def plot_bands(run: VibrationsRun, path: Path) -> list[Path]:
    """Draw bands and density of states of each phase, and return the files.

    Parameters
    ----------
    run
        What was computed or found.
    path
        File of the figure; of several phases, the id of each is added to its name.

    Raises
    ------
    PlotFileError, NoBandsError
        As :func:`misei.screening.vibration_plots.write_band_figure`.
    """
    alone = len(run.documents) == 1
    files = {i: path if alone else path.with_stem(f"{path.stem}-{i}") for i in run.documents}
    for entry_id, file in files.items():
        write_band_figure(run.documents[entry_id], file)
    return list(files.values())


def _compute(
    entries: Iterable[ReferenceEntry],
    maker: VibrationsMaker,
    settings: Settings,
    run: VibrationsRun,
) -> None:
    flows = {
        str(e.entry_id): maker.make(e.structure, phase_name(e), str(e.entry_id)) for e in entries
    }
    run.add(flows, VibrationsDoc, settings, "vibrations")


def _successors(
    source: EntrySource, elements: Iterable[str], run: VibrationsRun
) -> list[ReferenceEntry]:
    """Phases that compete once the unstable ones are left out, and were not looked at yet."""
    try:
        competing = competing_phases(source, elements, run.unstable)
    except MissingDataError:  # every crystal of an element is unstable
        return []
    seen = {*run.documents, *run.failed}
    return [entry for entry in competing if str(entry.entry_id) not in seen]


def _missing(source: EntrySource, elements: Iterable[str], run: VibrationsRun) -> tuple[str, ...]:
    converged = [document for document in run.documents.values() if document.converged]
    # Which phases are missing does not depend on the temperature.
    temperature = min((d.temperatures_K[-1] for d in converged), default=1.0)
    return finite_temperature_source(source, elements, converged, temperature)[1]
