"""Saddles of hops as jobs."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import cast

from atomate2.ase.jobs import AseMaker
from jobflow import job

from misei.screening.schemas import EnergiesFrom, Provenance
from misei.screening.schemas_paths import PathDoc, PathGuess
from misei.workflows.calculators import SharedCalculator
from misei.workflows.saddle_search import SaddleSearch
from misei.workflows.saddle_settings import SaddleSettings


@dataclass
class SaddleMaker(AseMaker):  # type: ignore[misc]
    """Search of one saddle as a job, with the calculator of atomate2's makers.

    Attributes
    ----------
    name
        Name of the job.
    settings
        How to search.
    engine, engine_version
        For the provenance.
    energies_from
        What the engine's energies are.
    """

    name: str = "saddle"
    settings: SaddleSettings = field(default_factory=SaddleSettings)
    engine: str = ""
    engine_version: str = ""
    energies_from: EnergiesFrom = "potential"

    @job(output_schema=PathDoc)
    def make(self, guess: PathGuess) -> PathDoc:
        """Search the saddle of a hop.

        Parameters
        ----------
        guess
            Path with relaxed ends, and what is known of it.
        """
        run = getattr(self, "_run_ase_safe", self.run_ase)
        return cast(PathDoc, run(guess))

    def run_ase(self, guess: PathGuess, prev_dir: str | None = None) -> PathDoc:  # type: ignore[override]
        """Search the saddle of a hop, not as a job."""
        calculator = cast(SharedCalculator, self.calculator)
        before = calculator.evaluations
        search = SaddleSearch(guess, calculator, self.settings)
        search.run()
        earlier = guess.previous.force_evaluations if guess.previous else 0
        return PathDoc(
            **search.document_fields(),
            force_evaluations=earlier + calculator.evaluations - before,
            provenance=Provenance(
                engine=self.engine,
                engine_version=self.engine_version,
                energies_from=self.energies_from,
                settings={"fmax_eV_per_A": self.settings.fmax},
            ),
        )
