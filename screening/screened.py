"""A candidate with all that was computed for it, by one engine or by two."""

from __future__ import annotations

from dataclasses import dataclass

from misei.screening.schemas_adhesion import AdhesionDoc
from misei.screening.schemas_elasticity import ElasticityDoc
from misei.screening.schemas_migration import MigrationDoc
from misei.screening.schemas_thermodynamics import AlloyCandidate
from misei.screening.schemas_vibrations import VibrationsDoc


@dataclass(frozen=True)
class Screened:
    """A candidate with what was computed for it; None: failed or not run.

    Attributes
    ----------
    candidate
        The alloy.
    adhesion, migration, vibrations, elasticity
        By the first engine.
    refined_adhesion, refined_migration
        By the second engine, from the first one's structures and paths.
    refine
        Name of the second engine where the candidate went to the second stage.
    """

    candidate: AlloyCandidate
    adhesion: AdhesionDoc | None
    migration: MigrationDoc | None
    vibrations: VibrationsDoc | None = None
    elasticity: ElasticityDoc | None = None
    refined_adhesion: AdhesionDoc | None = None
    refined_migration: MigrationDoc | None = None
    refine: str | None = None

    def usable_adhesion(self, accept_unconverged: bool) -> AdhesionDoc | None:
        """Adhesion by the second engine, where it can be ranked."""
        doc = self.refined_adhesion
        return doc if doc is not None and (doc.converged or accept_unconverged) else None

    def usable_migration(self, accept_unconverged: bool) -> MigrationDoc | None:
        """Migration by the second engine, where it can be ranked."""
        doc = self.refined_migration
        if doc is None or doc.migration_barrier is None:
            return None
        return doc if doc.converged or accept_unconverged else None

    def refinement_warnings(self, accept_unconverged: bool) -> list[str]:
        """Say which refinements that were asked for cannot be ranked; the first engine's stand."""
        if self.refine is None:
            return []
        found = {
            "adhesion": (self.refined_adhesion, self.usable_adhesion(accept_unconverged)),
            "migration": (self.refined_migration, self.usable_migration(accept_unconverged)),
        }
        return [
            f"{self.candidate.alloy}: {what} by {self.refine} {_trouble(doc)}; "
            "the first engine's numbers stand"
            for what, (doc, usable) in found.items()
            if usable is None
        ]


def _trouble(doc: AdhesionDoc | MigrationDoc | None) -> str:
    if doc is None:
        return "has no result"
    return "is not converged" if not doc.converged else "finds no percolating path"
