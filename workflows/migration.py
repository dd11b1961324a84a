"""Migration of Li through a crystal by vacancies or interstitials: saddles of the distinct hops.

Bulk and metal are relaxed, hops are found in the relaxed crystal, one defect of each kind is
relaxed in a supercell and carried to the ends of the hops by symmetry, the saddles between them
are searched, and decide which network percolates.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Literal, get_args

from jobflow import Flow, Job, Maker, OutputReference, Response, job
from pymatgen.core import Structure

from misei.screening.schemas_migration import Mechanism, MigrationDoc
from misei.screening.schemas_paths import PathDoc, PathGuess
from misei.structures.defects import DefectCell
from misei.structures.hop_networks import shortest_percolating_hops
from misei.structures.hops import Hop, HopGraph, NoMobileSiteError, find_hops
from misei.structures.supercells import bare, primitive_cell, supercell_matrix
from misei.structures.voids import find_interstitial_hops
from misei.workflows.engines import (
    DEFAULT_ENGINE,
    Engine,
    force_evaluations,
    get_engine,
    is_converged,
)
from misei.workflows.keys import keyed, replaced_by
from misei.workflows.migration_plan import (
    MigrationPlan,
    PlannedHop,
    elemental_crystal,
    guess_path,
    known_ends,
    labelled_as,
    plan_hops,
)
from misei.workflows.migration_results import (
    highest_saddle_of_interest,
    larger_supercell,
    migration_document,
    with_supercell_steps,
)
from misei.workflows.saddle_search import SaddleSettings

HopSelection = Literal["shortest-percolating", "bounded", "all"]


class UnknownChoiceError(ValueError):
    """A mechanism or a selection of hops that does not exist."""


@dataclass
class MigrationMaker(Maker):
    """Migration of one element through a crystal.

    Attributes
    ----------
    name
        Name of the flow.
    engine
        Name of the engine.
    fmax
        Force tolerance of relaxations and saddles in eV/angstrom. The default is tight because
        0.05 leaves errors of 0.04 eV (fcc Li) to 0.08 eV (B2 LiMg) in barriers.
    mobile_species
        Element that moves. Defects are referred to its metal.
    mechanism
        ``vacancy``, or ``interstitial``: an atom more, which hops from void to void.
    cutoff
        Longest hop in angstrom.
    hop_selection
        ``shortest-percolating`` computes the short hops that percolate, which makes the
        barrier an upper bound. ``bounded`` then searches every other hop up to the cutoff as
        far as it could lie on the best percolating network. ``all`` computes every hop.
    saddle
        How saddles are searched; each shortcut can be switched off.
    min_length
        Shortest distance between periodic images of a defect in angstrom.
    supercell_tolerance
        When set, the hops of the best network and their ends are computed in larger and larger
        supercells until E_m and E_f change by less than this, eV.
    max_atoms
        Supercells are not enlarged beyond this.
    rounds
        How often a search that ran out of steps is continued.
    start_from
        Engine whose relaxed defects and paths are the starting points of this one's.
    """

    name: str = "Li migration"
    engine: str = DEFAULT_ENGINE
    fmax: float = 0.02
    mobile_species: str = "Li"
    mechanism: Mechanism = "vacancy"
    cutoff: float = 5.0
    hop_selection: HopSelection = "shortest-percolating"
    saddle: SaddleSettings = field(default_factory=SaddleSettings)
    min_length: float = 10.0
    supercell_tolerance: float | None = None
    max_atoms: int = 250
    rounds: int = 1
    start_from: str | None = None

    def __post_init__(self) -> None:
        """Refuse choices that do not exist."""
        _check("mechanism", self.mechanism, get_args(Mechanism))
        _check("hop_selection", self.hop_selection, get_args(HopSelection))

    @classmethod
    def smallest(cls, engine: str = DEFAULT_ENGINE, **changes: Any) -> MigrationMaker:
        """Return the preset that starts with supercells for DFT: images 6 angstrom apart."""
        choices = {"min_length": 6.0, "supercell_tolerance": 0.02}
        return cls(engine=engine, **{**choices, **changes})

    @classmethod
    def quick(cls, engine: str = DEFAULT_ENGINE, **changes: Any) -> MigrationMaker:
        """Return the preset for a first ranking: images of a defect 8 angstrom apart."""
        return cls(engine=engine, **{"min_length": 8.0, **changes})

    @classmethod
    def standard(cls, engine: str = DEFAULT_ENGINE, **changes: Any) -> MigrationMaker:
        """Return the preset for results: every hop, and supercells converged to 0.02 eV.

        All hops are searched in the smallest supercell, those of the best network in all.
        """
        choices = {"hop_selection": "bounded", "min_length": 8.0, "supercell_tolerance": 0.02}
        return cls(engine=engine, **{**choices, **changes})

    def make(self, structure: Structure, name: str | None = None) -> Flow:
        """Make the flow for a crystal.

        Parameters
        ----------
        structure
            Ordered crystal in any cell; it is relaxed first.
        name
            How the crystal is called in job names; its formula by default.

        Returns
        -------
        Flow
            Output: :class:`MigrationDoc`.

        Raises
        ------
        NoMobileSiteError, DisorderedCrystalError
            When the crystal holds no mobile element, or partial occupancies.
        """
        engine = self._engine
        label = name or structure.composition.reduced_formula
        if self.mobile_species not in structure.composition.get_el_amt_dict():
            raise NoMobileSiteError(f"{label} holds no {self.mobile_species}")
        jobs: dict[str, Flow | Job] = {}
        crystal: Structure | OutputReference = primitive_cell(structure)
        cheap: OutputReference | None = None
        if self.start_from is not None:
            flow = self._of_engine(self.start_from).make(structure, name)
            jobs[flow.uuid], cheap = flow, flow.output
            crystal = cheap.crystal if self.mechanism == "vacancy" else crystal
        bulk_job = engine.relax(crystal, f"{label}: bulk")
        metal_job = engine.relax(
            elemental_crystal(self.mobile_species), f"{self.mobile_species}: bulk"
        )
        # The metal itself is a crystal too: one job serves for both.
        jobs |= {relaxation.uuid: relaxation for relaxation in (bulk_job, metal_job)}
        compute_job = _named(self.compute(bulk_job.output, metal_job.output, cheap), label, "hops")
        return Flow(
            [*jobs.values(), compute_job], output=compute_job.output, name=f"{label}: {self.name}"
        )

    def _of_engine(self, engine: str) -> MigrationMaker:
        if engine == self.engine:
            raise UnknownChoiceError(f"start_from {engine!r} is the engine itself")
        return replace(self, engine=engine, start_from=None)

    @property
    def _engine(self) -> Engine:
        return get_engine(self.engine, self.fmax, self.saddle)

    @job(output_schema=MigrationDoc)
    def compute(
        self, bulk: Any, metal: Any, cheap: MigrationDoc | None = None
    ) -> Response[MigrationDoc]:
        """Find the hops of the relaxed crystal and make the jobs that compute them.

        Parameters
        ----------
        bulk, metal
            Task documents of the relaxed crystal and of the metal of the mobile element.
        cheap
            Result of the engine to start from.
        """
        crystal = bare(bulk.structure)
        graph = self._hops(crystal)
        if cheap is not None:
            graph = labelled_as(graph, cheap)
        first, later, left_out = self._select(graph)
        matrix = supercell_matrix(crystal, self.min_length) if cheap is None else cheap.supercell
        cell = DefectCell(graph.crystal, matrix, self.mechanism, self.mobile_species)
        planned, sites, site_orbits = plan_hops(cell, graph, [*first, *later])
        plan = MigrationPlan(
            cell=cell,
            orbits=graph.orbits,
            hops=planned[: len(first)],
            later=planned[len(first) :],
            left_out=[hop.label for hop in left_out],
            sites=sites,
            site_orbits=site_orbits,
            chemical_potential=metal.output.energy / len(metal.structure),
            references_converged=is_converged(bulk) and is_converged(metal),
            references_evaluations=force_evaluations(bulk) + force_evaluations(metal),
        )
        return self._first_wave(plan, cheap, [])

    def _hops(self, crystal: Structure) -> HopGraph:
        if self.mechanism == "vacancy":
            return find_hops(crystal, self.mobile_species, self.cutoff)
        return find_interstitial_hops(crystal, self.mobile_species, self.cutoff)

    def _select(self, graph: HopGraph) -> tuple[list[Hop], list[Hop], list[Hop]]:
        """Hops to compute, to compute as far as they matter, and to leave out."""
        if self.hop_selection == "all":
            return graph.hops, [], []
        shortest, others = shortest_percolating_hops(graph)
        if self.hop_selection == "bounded" and shortest:
            return shortest, others, []
        return shortest, [], others

    def _first_wave(
        self, plan: MigrationPlan, cheap: MigrationDoc | None, smaller: list[MigrationDoc]
    ) -> Response[MigrationDoc]:
        """Relax the defects and search the saddles between them."""
        label = _label(plan)
        perfect_job = self._engine.static(plan.cell.perfect, f"{label}: supercell")
        known = known_ends(plan, cheap) if cheap else {}
        relaxations = {
            site: self._engine.relax_ions(
                known.get(site) or plan.cell.ideal(site), f"{label}: {self.mechanism} {site}"
            )
            for site in plan.sites
        }
        defects = [relaxation.output for relaxation in relaxations.values()]
        jobs, guesses, paths = self._searches(plan, plan.hops, defects, None, cheap)
        advance = self.advance(plan, perfect_job.output, defects, guesses, paths, 0, cheap, smaller)
        advance = _named(advance, label, "barriers")
        return replaced_by([perfect_job, *relaxations.values(), *jobs, advance])

    def _searches(
        self,
        plan: MigrationPlan,
        hops: Sequence[PlannedHop],
        defects: Sequence[Any],
        give_up_above: float | None,
        cheap: MigrationDoc | None,
    ) -> tuple[list[Job], list[Any], list[Any]]:
        """Jobs that guess and search the paths of hops; references to guesses and paths."""
        known = {h.label: h.images for h in cheap.hops if h.images} if cheap else {}
        jobs, guesses, paths = [], [], []
        for planned in hops:
            ends = [defects[plan.sites.index(source)] for source in planned.sources]
            guess = guess_path(
                plan.cell,
                planned,
                [end.structure for end in ends],
                [end.output.energy for end in ends],
                self.saddle.n_images,
                give_up_above,
                known.get(planned.hop.label),
            )
            label = f"{_label(plan)}: {planned.hop.label}"
            guess = _named(guess, label, "guess")
            search = self._engine.saddle(guess.output, label)
            jobs += [guess, search]
            guesses.append(guess.output)
            paths.append(search.output)
        return jobs, guesses, paths

    @job(output_schema=MigrationDoc)
    def advance(
        self,
        plan: MigrationPlan,
        perfect: Any,
        defects: list[Any],
        guesses: list[PathGuess],
        paths: list[PathDoc],
        round_: int,
        cheap: MigrationDoc | None,
        smaller: list[MigrationDoc],
    ) -> Response[MigrationDoc] | MigrationDoc:
        """Decide what is still to be computed; put the document together when nothing is.

        Parameters
        ----------
        plan
            Hops, defects and where they lie.
        perfect
            Task document of the supercell.
        defects
            Task documents of the relaxed defects, in the order of ``plan.sites``.
        guesses, paths
            In the order of ``plan.hops``.
        round_
            How often searches were continued.
        cheap
            Result of the engine that this one started from.
        smaller
            Results in smaller supercells.
        """
        stopped = [k for k, path in enumerate(paths) if path.state == "steps"]
        if stopped and round_ < self.rounds:
            return self._continued(
                plan, perfect, defects, guesses, paths, stopped, round_, cheap, smaller
            )
        if plan.later:
            limit = highest_saddle_of_interest(plan, defects, paths)
            jobs, more_guesses, more_paths = self._searches(plan, plan.later, defects, limit, cheap)
            wider = replace(plan, hops=[*plan.hops, *plan.later], later=[])
            advance = self.advance(
                wider, perfect, defects, [*guesses, *more_guesses], [*paths, *more_paths],
                round_, cheap, smaller,
            )  # fmt: skip
            return replaced_by([*jobs, _named(advance, _label(plan), "barriers")])
        return self._finished(plan, perfect, defects, guesses, paths, smaller)

    def _continued(
        self,
        plan: MigrationPlan,
        perfect: Any,
        defects: list[Any],
        guesses: list[PathGuess],
        paths: list[PathDoc],
        stopped: list[int],
        round_: int,
        cheap: MigrationDoc | None,
        smaller: list[MigrationDoc],
    ) -> Response[MigrationDoc]:
        """Go on with searches that ran out of steps, from where they were."""
        label = _label(plan)
        searches = {
            k: self._engine.saddle(
                guesses[k].model_copy(update={"previous": paths[k]}),
                f"{label}: {plan.hops[k].hop.label} continued",
            )
            for k in stopped
        }
        latest = [searches[k].output if k in searches else path for k, path in enumerate(paths)]
        advance = self.advance(plan, perfect, defects, guesses, latest, round_ + 1, cheap, smaller)
        return replaced_by([*searches.values(), _named(advance, label, "barriers")])

    def _finished(
        self,
        plan: MigrationPlan,
        perfect: Any,
        defects: list[Any],
        guesses: list[PathGuess],
        paths: list[PathDoc],
        smaller: list[MigrationDoc],
    ) -> Response[MigrationDoc] | MigrationDoc:
        """Put the document of this supercell together; go on in a larger one where that counts."""
        provenance = self._engine.provenance(self._settings())
        document = migration_document(plan, perfect, defects, guesses, paths, provenance)
        document.started_from = self.start_from
        if self.supercell_tolerance is None:
            return document
        documents = [*smaller, document]
        larger = larger_supercell(
            plan, defects, paths, documents, self.supercell_tolerance, self.max_atoms
        )
        if larger is None:
            return with_supercell_steps(documents, self.supercell_tolerance)
        return self._first_wave(larger, None, documents)

    def _settings(self) -> dict[str, Any]:
        return {
            "fmax_eV_per_A": self.fmax,
            "cutoff_A": self.cutoff,
            "min_length_A": self.min_length,
            "hop_selection": self.hop_selection,
            "supercell_tolerance_eV": self.supercell_tolerance,
            "saddle": asdict(self.saddle),
        }


def _check(field_name: str, value: str, valid: Sequence[str]) -> None:
    if value not in valid:
        raise UnknownChoiceError(f"unknown {field_name} {value!r}; valid: {', '.join(valid)}")


def _label(plan: MigrationPlan) -> str:
    return str(plan.cell.perfect.composition.reduced_formula)


def _named(new: Job, label: str, what: str) -> Job:
    new.name = f"{label}: {what}"
    return keyed(new)
