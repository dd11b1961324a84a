"""Finite temperature: vibrational free energies added to the entries of a source.

A hull that mixes phases with and without F_vib is wrong by F_vib itself (tens of meV/atom at
300 K), which is more than the phases differ by. So a source at a temperature holds only phases
with a free energy, and there is one only where every phase that competes has it; otherwise the
chemical system stays at 0 K.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import inf

from pymatgen.core import Composition, Element

from misei.screening.entries import COMPOSITION_TOLERANCE, EntrySource, ReferenceEntry
from misei.screening.hulls import find_hull
from misei.screening.lithiation import LI
from misei.screening.schemas_vibrations import VibrationsDoc
from misei.screening.vibrational_source import VibrationalSource

# A phase this far above the hull at 0 K would have to gain as much over its neighbours to appear on
# it. LiAl, whose potential falls by 0.22 mV/K (Wen et al., J. Electrochem. Soc. 126, 2258 (1979)),
# loses at most 33 meV/atom on the elements by 300 K.
COMPETITION_WINDOW = 0.050  # eV/atom
LEFT_OUT = "no electronic, anharmonic, expansion or gas terms"


class TemperatureError(ValueError):
    """A temperature below absolute zero."""


def competing_phases(
    source: EntrySource, elements: Iterable[str], excluded: Iterable[str] = ()
) -> list[ReferenceEntry]:
    """Return the phases that need a free energy before their system has a temperature.

    Parameters
    ----------
    source
        Where the entries come from.
    elements
        Symbols of the chemical system; Li is added.
    excluded
        Ids or formulas of phases to leave out.

    Returns
    -------
    list of ReferenceEntry
        The lowest polymorph of each formula that is no more than ``COMPETITION_WINDOW`` above
        the hull at 0 K; the elements are among them.

    Raises
    ------
    MissingDataError
        As :func:`misei.screening.hulls.phase_diagram`.
    """
    hull = find_hull(source, elements, excluded)
    return [
        entry
        for entry in hull.lowest.values()
        if entry.energy_per_atom
        - hull.facets.hull_energy(entry.composition) / entry.composition.num_atoms
        <= COMPETITION_WINDOW
    ]


def finite_temperature_source(
    source: EntrySource,
    elements: Iterable[str],
    vibrations: Iterable[VibrationsDoc],
    temperature: float,
    excluded: Iterable[str] = (),
) -> tuple[EntrySource, tuple[str, ...]]:
    """Return a source at a temperature for one chemical system, or the 0 K one and why.

    Parameters
    ----------
    source
        Source at 0 K.
    elements
        Symbols of the chemical system; Li is added. Its subsystems are covered too.
    vibrations
        Free energies, the last finished first; of two for one phase the first counts. Those of
        one hull come from one engine (name and version). Of several that have all (or lack as
        many), DFT comes before potentials, and then the one that finished last in this system.
    temperature
        K. At 0 the source is returned as it is: 0 K means without zero-point energy.
    excluded
        Ids or formulas of phases that the user leaves out.

    Returns
    -------
    EntrySource, tuple of str
        A :class:`VibrationalSource` and nothing where every phase of :func:`competing_phases`
        has a free energy: phases without one are left out of it, and so are dynamically
        unstable ones, which its ``protocol`` names. Otherwise ``source`` itself and the
        competing phases without free energies, as "formula (id)".

    Raises
    ------
    TemperatureError
        Below 0 K.
    FreeEnergyRangeError
        When the free energies do not reach the temperature.
    MissingDataError
        As :func:`misei.screening.hulls.phase_diagram`.
    """
    if temperature < 0:
        raise TemperatureError(f"temperature {temperature:g} K is below absolute zero")
    if temperature == 0:
        return source, ()
    system, excluded = frozenset(elements) | {LI.symbol}, tuple(excluded)
    groups = _by_engine(d for d in vibrations if system.issuperset(d.structure.symbol_set))
    candidates = [_Candidate.of(source, system, documents, excluded) for documents in groups]
    best = min(candidates, key=lambda candidate: len(candidate.missing))
    return (source, best.missing) if best.missing else (best.at(temperature), ())


@dataclass(frozen=True)
class _Candidate:
    """What the documents of one engine can do for a chemical system."""

    source: EntrySource
    system: frozenset[str]
    stable: dict[str, VibrationsDoc]
    unstable: tuple[str, ...]
    missing: tuple[str, ...]

    @classmethod
    def of(
        cls,
        source: EntrySource,
        system: frozenset[str],
        documents: Sequence[VibrationsDoc],
        excluded: tuple[str, ...],
    ) -> _Candidate:
        entries = source.entries(system)
        found = {str(e.entry_id): d for e in entries if (d := _document_of(e, documents))}
        unstable = tuple(i for i, document in found.items() if not document.dynamically_stable)
        stable = {i: document for i, document in found.items() if i not in unstable}
        lost = _elements_lost(entries, unstable)
        missing = lost or tuple(
            _label(entry)
            for entry in competing_phases(source, system, [*excluded, *unstable])
            if str(entry.entry_id) not in stable
        )
        return cls(source, system, stable, unstable, missing)

    def at(self, temperature: float) -> VibrationalSource:
        provenance = next(iter(self.stable.values())).provenance
        free_energies = {i: doc.free_energy(temperature) for i, doc in self.stable.items()}
        method = (
            f"harmonic F_vib at {temperature:g} K by {provenance.engine} "
            f"({provenance.engine_version}), {LEFT_OUT}; phases without F_vib left out"
        )
        if self.unstable:
            method += f"; WARNING: dynamically unstable, left out: {', '.join(self.unstable)}"
        gases = [s for s in sorted(self.system) if _boiling_point(s) < temperature]
        if gases:
            method += f"; WARNING: gases taken as their crystals: {', '.join(gases)}"
        return VibrationalSource(
            self.source, self.system, tuple(sorted(free_energies.items())), temperature, method
        )


def _by_engine(vibrations: Iterable[VibrationsDoc]) -> list[list[VibrationsDoc]]:
    """Documents of each engine, DFT first; otherwise in the order in which engines come up."""
    by_engine: dict[tuple[str, str], list[VibrationsDoc]] = {}
    for document in vibrations:
        key = (document.provenance.engine, document.provenance.engine_version)
        by_engine.setdefault(key, []).append(document)
    groups = sorted(by_engine.values(), key=lambda documents: not _is_dft(documents[0]))
    return groups or [[]]


def _is_dft(document: VibrationsDoc) -> bool:
    return document.provenance.energies_from == "DFT"


def _document_of(entry: ReferenceEntry, documents: Iterable[VibrationsDoc]) -> VibrationsDoc | None:
    for document in documents:
        same_id = document.entry_id is not None and document.entry_id == str(entry.entry_id)
        if same_id and _same_composition(document, entry.composition):
            return document
    return None


def _same_composition(document: VibrationsDoc, composition: Composition) -> bool:
    fractions = document.structure.composition.fractional_composition
    return fractions.almost_equals(composition.fractional_composition, COMPOSITION_TOLERANCE)


def _elements_lost(entries: Iterable[ReferenceEntry], unstable: tuple[str, ...]) -> tuple[str, ...]:
    """Elements whose crystals are all unstable: without them there is no hull."""
    crystals: dict[str, list[ReferenceEntry]] = {}
    for entry in entries:
        if entry.is_element:
            crystals.setdefault(entry.composition.reduced_formula, []).append(entry)
    return tuple(
        f"{_label(crystal)}, dynamically unstable"
        for found in crystals.values()
        if all(str(e.entry_id) in unstable for e in found)
        for crystal in found
    )


def _label(entry: ReferenceEntry) -> str:
    return f"{entry.data['formula']} ({entry.entry_id})"


def _boiling_point(symbol: str) -> float:
    """Boiling point at ambient pressure, K (pymatgen)."""
    point = Element(symbol).boiling_point
    return inf if point is None else float(point)
