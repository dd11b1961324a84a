"""What larger supercells change by one engine, in the numbers of another one."""

from __future__ import annotations

from misei.screening.schemas_migration import MigrationDoc, SizeCorrection


def in_larger_supercell(second: MigrationDoc, first: MigrationDoc) -> MigrationDoc:
    """Add what the first engine's series of supercells changes to the second engine's numbers.

    E_m(second, large) = E_m(second, small) + E_m(first, large) - E_m(first, small), and E_f
    likewise: the second engine is taken to have the same dependence on the distance of images.

    Parameters
    ----------
    second
        Of the engine that computed one supercell.
    first
        Of the engine that computed a series.

    Returns
    -------
    MigrationDoc
        With :class:`SizeCorrection`; ``second`` itself where the series has no larger supercell.
    """
    steps = first.supercell_steps
    small = next((step for step in steps if step.natoms == second.natoms), None)
    if small is None or small is steps[-1]:
        return second
    if small.migration_barrier is None or first.migration_barrier is None:
        return second
    change = SizeCorrection(
        engine=first.engine,
        natoms=second.natoms,
        natoms_larger=first.natoms,
        migration_barrier=first.migration_barrier - small.migration_barrier,
        formation_energy=first.vacancy_formation_energy - small.formation_energy,
    )
    barriers = {
        dimensions: max(0.0, barrier + change.migration_barrier)
        for dimensions, barrier in second.barriers_by_dimension.items()
    }
    energies = [energy + change.formation_energy for energy in second.vacancy_energies]
    return second.model_copy(
        update={
            "barriers_by_dimension": barriers,
            "vacancy_energies": energies,
            "size_correction": change,
        }
    )
