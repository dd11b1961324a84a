"""Random walk of one defect over the jumps of a crystal: its exact diffusivity.

The walker sits on the sites of a periodic network and jumps with rates that obey detailed
balance, w_ij = nu exp(-(E_ij - E_i) / kT), E_ij the saddle between the sites i and j. Then

    D = sum over jumps of c_ij (dx + theta_j - theta_i) (dx + theta_j - theta_i),

with c_ij = nu exp(-E_ij / kT) / Z the equilibrium flux of a jump (each pair counted once, per
primitive cell) and theta the vectors that make it smallest. The term without theta is that of
uncorrelated jumps, 1/2 sum pi_i w_ij dx dx; the rest is the correction for correlated unequal
jumps, otherwise written with the pseudo-inverse of the rate matrix (Allnatt and Lidiard, Atomic
Transport in Solids, 1993; Trinkle, Philos. Mag. 2017, 97, 2514, 10.1080/14786435.2017.1340685).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import constants

K_B = constants.value("Boltzmann constant in eV/K")  # eV/K
A2_THZ_TO_CM2_PER_S = 1e-4
# Eigenvalues of a tensor are known to the rounding of the largest.
ROUNDING = 1e-14

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(frozen=True)
class JumpNetwork:
    """Sites of a defect in the primitive cell and all jumps between them.

    Attributes
    ----------
    lattice
        Lattice vectors as rows, angstrom, (3, 3).
    site_energies
        Of the defect on each site, eV, (n,).
    jumps
        Rows (i, j, a, b, c): from site i of the home cell to site j of cell (a, b, c), (m, 5);
        each pair of opposite jumps once.
    saddle_energies
        Of each jump, on the scale of the sites, eV, (m,).
    """

    lattice: Floats
    site_energies: Floats
    jumps: Ints
    saddle_energies: Floats

    @property
    def n_sites(self) -> int:
        """Sites per primitive cell."""
        return len(self.site_energies)

    def fluxes(self, temperature: float) -> Floats:
        """Equilibrium flux of each jump over the attempt frequency, c_ij / nu, (m,)."""
        lowest, beta = self.site_energies.min(), 1.0 / (K_B * temperature)
        partition = np.exp(-beta * (self.site_energies - lowest)).sum()
        return np.asarray(np.exp(-beta * (self.saddle_energies - lowest)) / partition)


def defect_diffusivity(
    network: JumpNetwork, temperature: float, attempt_frequency: float
) -> Floats:
    """Return the diffusivity tensor of one defect.

    Parameters
    ----------
    network
        Sites and jumps.
    temperature
        K.
    attempt_frequency
        nu*, the same for all jumps, THz.

    Returns
    -------
    array (3, 3)
        cm2/s, Cartesian; zero where the jumps do not percolate.
    """
    jumps, n_sites = network.jumps, network.n_sites
    reduced = spread_per_cell(n_sites, jumps, network.fluxes(temperature))
    cartesian = network.lattice.T @ reduced @ network.lattice
    return np.asarray(A2_THZ_TO_CM2_PER_S * attempt_frequency * cartesian)


def spread_per_cell(n_sites: int, jumps: Ints, fluxes: Floats) -> Floats:
    """Return sum of c (dx + theta_j - theta_i)^2 at its smallest, in lattice vectors.

    The fluxes are those of a network of resistors. Its sites are taken out one by one, each
    star of jumps replaced by the equivalent mesh: all terms are positive, so that fluxes that
    differ by any factor lose no digit, where a solver of linear equations loses slow jumps
    beside ones 10^16 times faster. Where a site lies in its cell does not matter in the long
    run, so that dx are the integers of the cells.

    Parameters
    ----------
    n_sites
        Sites per cell.
    jumps
        As in :class:`JumpNetwork`, (m, 5).
    fluxes
        c_ij in any unit, (m,).

    Returns
    -------
    array (3, 3)
        In the unit of the fluxes.
    """
    mesh = _Mesh(n_sites)
    for (i, j, *cell), flux in zip(jumps.tolist(), fluxes.tolist(), strict=True):
        if flux > 0.0:
            mesh.add_jump(i, j, np.array(cell, dtype=float), flux)
    for site in range(n_sites):
        mesh.eliminate(site)
    return mesh.spread


class _Mesh:
    """Resistors between sites, with a displacement each; parallel ones are merged.

    ``spread`` holds what no theta can take away: loops, and the differences of displacement
    between parallel jumps.
    """

    def __init__(self, n_sites: int) -> None:
        self.flux = np.zeros((n_sites, n_sites))
        self.displacement = np.zeros((n_sites, n_sites, 3))
        self.spread = np.zeros((3, 3))

    def add_jump(self, i: int, j: int, step: Floats, flux: float) -> None:
        if i == j:
            self.spread += flux * np.outer(step, step)
            return
        added, steps = np.zeros_like(self.flux), np.zeros_like(self.displacement)
        added[i, j] = added[j, i] = flux
        steps[i, j], steps[j, i] = step, -step
        self._merge(added, steps)

    def eliminate(self, site: int) -> None:
        """Replace the star of a site by the mesh of its neighbours."""
        star, steps = self.flux[site].copy(), self.displacement[site].copy()
        self.flux[site] = self.flux[:, site] = 0.0
        total = star.sum()
        if total == 0.0:
            return
        added = np.outer(star, star / total)
        np.fill_diagonal(added, 0.0)
        self._merge(added, steps[None, :, :] - steps[:, None, :])

    def _merge(self, added: Floats, steps: Floats) -> None:
        total = self.flux + added
        share = np.divide(added, total, out=np.zeros_like(total), where=total > 0.0)
        apart = np.where(share[..., None] > 0.0, steps - self.displacement, 0.0)
        # Both directions of every pair are in the sum.
        self.spread += 0.5 * np.einsum("ij,ijx,ijy->xy", self.flux * share, apart, apart)
        self.displacement += share[..., None] * apart
        self.flux = total


def principal_values(tensor: Floats) -> tuple[float, float, float]:
    """Return the principal values of a diffusivity tensor, ascending, in its unit."""
    values = np.linalg.eigvalsh(tensor)
    values[values < ROUNDING * values[-1]] = 0.0
    low, middle, high = values.tolist()
    return low, middle, high
