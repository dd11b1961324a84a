"""Correlation factor of tracers that a vacancy moves, on any network of jumps.

An atom that has just jumped into a vacancy is likelier than others to jump back. Tracer and
vacancy together are a walker whose states are where the vacancy is as seen from the tracer, and
whose displacement is that of the tracer: its diffusivity is found as that of any walker
(:mod:`misei.screening.random_walks`), without sampling, in boxes of cells that hold one vacancy.
The factor depends on the box as f + A / N, N its sites; two boxes give f.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.sparse.csgraph import connected_components
from scipy.sparse.linalg import splu

from misei.screening.random_walks import Floats, Ints, spread_per_cell

# States of the largest box: a tenth of a second to a second, more for more neighbours.
MAX_STATES = 4000
# Of a box: in smaller ones a vacancy often goes round the box and comes back from behind.
MIN_SITES = 16
# Jumps faster than what limits diffusion by more than this factor keep their ends in
# equilibrium however fast they are; those slower by as much do not matter.
CONTRAST = 1e6


@dataclass(frozen=True)
class Correlation:
    """Correlation factor of tracers.

    Attributes
    ----------
    factor
        f = D* / (x D), x the fraction of vacant sites and D the diffusivity of a vacancy.
    error
        Of what is left of the dependence on the box.
    sites
        Sites of the largest box.
    """

    factor: float
    error: float
    sites: int


@dataclass(frozen=True)
class _Chain:
    """Jumps of the pair of tracer and vacancy, both directions: states, fluxes, displacements."""

    n_states: int
    start: Ints
    end: Ints
    flux: Floats
    displacement: Floats


def vacancy_correlation(
    lattice: Floats, n_sites: int, jumps: Ints, fluxes: Floats
) -> Correlation | None:
    """Return the correlation factor of tracers that vacancies move.

    Isotropic mean: the traces of the tensors are compared.

    Parameters
    ----------
    lattice
        Rows are the lattice vectors, angstrom, (3, 3).
    n_sites
        Sites per primitive cell.
    jumps
        As in :class:`misei.screening.random_walks.JumpNetwork`, (m, 5).
    fluxes
        Equilibrium fluxes in any unit, (m,).

    Returns
    -------
    Correlation or None
        None when the jumps do not percolate. For sc, bcc, fcc and diamond lattices
        0.6531, 0.7272, 0.7815 and 1/2 (Compaan and Haven, Trans. Faraday Soc. 1956, 52, 786;
        Montet, Phys. Rev. B 1973, 7, 650).
    """
    scale = float(np.trace(spread_per_cell(n_sites, jumps, fluxes)))
    if scale == 0.0:
        return None
    kept = fluxes > scale / CONTRAST
    jumps, fluxes = jumps[kept], np.minimum(fluxes[kept] / scale, CONTRAST)
    spread = spread_per_cell(n_sites, jumps, fluxes)
    vacancy = _trace(lattice, spread)
    found = []
    # A box need not repeat where nothing moves.
    for repeats in _boxes(lattice, n_sites, np.diag(spread) > 0.0):
        chain = _pair_chain(n_sites, jumps, fluxes, repeats)
        # Weights of the states cancel: there are as many atoms per vacancy as a tracer has
        # places to be.
        factor = _trace(lattice, _tracer_spread(chain)) / vacancy
        found.append((n_sites * int(np.prod(repeats)), factor))
    sites, factor = found[-1]
    if len(found) == 1:
        # A is 0.7 to 1.1 for sc, bcc, fcc and diamond lattices.
        return Correlation(factor, 1.0 / sites, sites)
    smaller, first = found[0]
    limit = float(np.clip((sites * factor - smaller * first) / (sites - smaller), 0.0, 1.0))
    return Correlation(limit, abs(limit - factor), sites)


def _trace(lattice: Floats, reduced: Floats) -> float:
    return float(np.trace(lattice.T @ reduced @ lattice))


def _boxes(lattice: Floats, n_sites: int, moving: NDArray[np.bool_]) -> list[tuple[int, ...]]:
    """Repeats of the cell: the roundest box that fits when doubled, and that, doubled."""
    lengths = np.linalg.norm(lattice, axis=1)
    doubling = np.where(moving, 2, 1)
    candidates = {
        tuple(np.where(moving, np.maximum(1, np.rint(size / lengths)), 1).astype(int).tolist())
        for size in lengths.max() * np.linspace(0.5, 16.0, 311)
    }
    largest_last = sorted(candidates, key=np.prod)
    states = {box: n_sites**2 * int(np.prod(box)) for box in candidates}
    doubled = [b for b in largest_last if states[b] * np.prod(doubling) <= MAX_STATES]
    if doubled and states[doubled[-1]] >= n_sites * MIN_SITES:
        return [doubled[-1], tuple((doubling * doubled[-1]).tolist())]
    single = [box for box in largest_last if states[box] <= MAX_STATES]
    return [single[-1] if single else largest_last[0]]


def _pair_chain(n_sites: int, jumps: Ints, fluxes: Floats, repeats: tuple[int, ...]) -> _Chain:
    """States (t, v): tracer on site t of the home cell, vacancy on site v of the box."""
    cells = np.indices(repeats).reshape(3, -1).T
    n_box = n_sites * len(cells)

    def places(site: int, at: Ints) -> Ints:
        wrapped = np.ravel_multi_index(tuple((at % repeats).T), repeats)
        return np.asarray(site * len(cells) + wrapped, dtype=np.int64)

    home = np.zeros((1, 3), dtype=np.int64)
    parts: list[tuple[Ints, Ints, Floats, Floats]] = []
    both = np.vstack([jumps, np.column_stack([jumps[:, 1], jumps[:, 0], -jumps[:, 2:]])])
    for (i, j, *step), flux in zip(both.tolist(), [*fluxes, *fluxes], strict=True):
        cell = np.array(step)
        vacant, filled = places(i, cells), places(j, cells + cell)
        for tracer in range(n_sites):
            (own,) = places(tracer, home)
            start, end = tracer * n_box + vacant, tracer * n_box + filled
            moved = np.zeros((len(cells), 3))
            exchanged = filled == own
            # The tracer goes where the vacancy was, and the home cell with it.
            end[exchanged] = i * n_box + places(tracer, cell[None])
            moved[exchanged] = -cell
            possible = vacant != own
            weight = np.full(len(cells), flux)
            parts.append((start[possible], end[possible], weight[possible], moved[possible]))
    start, end, flux_, displacement = (np.concatenate(p) for p in zip(*parts, strict=True))
    return _Chain(n_sites * n_box, start, end, flux_, displacement)


def _tracer_spread(chain: _Chain) -> Floats:
    """Sum of c (dx + theta_j - theta_i)^2 at its smallest, in lattice vectors, (3, 3)."""
    shape = (chain.n_states, chain.n_states)
    rates = sparse.coo_matrix((chain.flux, (chain.start, chain.end)), shape=shape).tocsr()
    laplacian = sparse.diags(np.asarray(rates.sum(axis=1)).ravel()) - rates
    force = np.zeros((chain.n_states, 3))
    np.add.at(force, chain.start, chain.flux[:, None] * chain.displacement)
    # Theta is free up to a constant in each connected part: its first state has none.
    _, part = connected_components(rates, directed=False)
    free = np.setdiff1d(np.arange(chain.n_states), np.unique(part, return_index=True)[1])
    theta = np.zeros((chain.n_states, 3))
    solver = splu(
        sparse.csc_matrix(laplacian[free][:, free]),
        permc_spec="MMD_AT_PLUS_A", diag_pivot_thresh=0.0, options={"SymmetricMode": True},
    )  # fmt: skip
    theta[free] = solver.solve(force[free])
    residual = chain.displacement + theta[chain.end] - theta[chain.start]
    return np.asarray(0.5 * np.einsum("e,ex,ey->xy", chain.flux, residual, residual))
