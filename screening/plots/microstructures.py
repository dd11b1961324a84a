"""Samples of the microstructure: metal grains in a periodic box, below and above the threshold."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import pi

import numpy as np
from numpy.typing import NDArray

from misei.screening.grains import DEFAULT_GRAINS, Grains
from misei.screening.percolation import Threshold, percolation_threshold
from misei.screening.plots.files import Plot
from misei.screening.plots.percolation_style import small_print

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

# Kinds of grains, in the order of the legend.
ISOLATED, CLUSTERED, SPANNING = 0, 1, 2
# Panels by default, in units of V_p, the denser one no denser than grains can be put.
BELOW, ABOVE = 0.6, 1.6
DENSEST = 0.45
# Grains of the fullest panel if the box is not given, and the most that are drawn.
GRAINS, MOST_GRAINS = 600, 3000
SWEEPS = 50
DEFAULT_SEED = 1


class MicrostructureError(ValueError):
    """A microstructure that cannot be drawn."""


@dataclass(frozen=True)
class Sample:
    """One Monte Carlo sample of round grains of one size in a periodic box.

    Attributes
    ----------
    name
        Electrolyte that the metal fraction is of, or empty.
    metal_fraction
        V_f,M that was asked for (0 to 1); the nearest whole number of grains is drawn.
    box, diameter
        Edge of the box and diameter of the grains, nm.
    centres
        0 to `box`, nm, shape (grains, 3).
    kinds
        Isolated, in a cluster, or in one that spans the box, shape (grains,).
    links
        Ends of the connections of grains within tunnelling distance, cut at the faces of the
        box, nm, shape (links, 2, 3).
    link_kinds
        As `kinds`, shape (links,).
    """

    name: str
    metal_fraction: float
    box: float
    diameter: float
    centres: Floats
    kinds: Integers
    links: Floats
    link_kinds: Integers

    @property
    def spanning_share(self) -> float:
        """Share of the grains in a cluster that spans the box (0 to 1)."""
        return float(np.mean(self.kinds == SPANNING)) if len(self.kinds) else 0.0


def microstructure_plot(
    fractions: Sequence[tuple[str, float]] = (),
    grains: Grains = DEFAULT_GRAINS,
    box: float | None = None,
    seed: int = DEFAULT_SEED,
) -> Plot:
    """Return samples of the microstructure in boxes of one size, side by side.

    Parameters
    ----------
    fractions
        Name (an electrolyte, or empty) and V_f,M (0 to 1) of each; by default 0.6 and 1.6 times
        the threshold.
    grains
        Round, bare and of one size.
    box
        Edge in nm; by default the fullest one holds 600 grains.
    seed
        Of the random numbers.

    Raises
    ------
    MicrostructureError
        For fractions, grains and boxes that cannot be drawn, before anything is computed.
    GrainsError
        As :func:`misei.screening.percolation.percolation_threshold`.
    """
    from misei.screening.plots.microstructures_drawn import (
        interactive_samples,
        printed_samples,
    )

    if not (grains.round and grains.of_one_size) or grains.envelope_nm:
        raise MicrostructureError("only bare, round grains of one size are drawn")
    threshold = percolation_threshold(grains)
    wanted = list(fractions) or default_fractions(threshold)
    edge = box_edge([fraction for _, fraction in wanted], grains, box)
    generators = np.random.default_rng(seed).spawn(len(wanted))
    samples = [
        sample_grains(name, fraction, grains, edge, rng)
        for (name, fraction), rng in zip(wanted, generators, strict=True)
    ]
    note = (
        f"V_p = {100 * threshold.value:.3g} %: {threshold.model}. Each box is one sample (seed "
        f"{seed}), periodic, {edge:g} nm wide, with its grains in equilibrium; in a finite box the "
        "cluster that spans it may come or go near V_p. Rods: gaps that electrons tunnel across."
    )
    return Plot(
        title="Microstructure of the metal in the interphase",
        note=small_print(note),
        interactive=lambda: interactive_samples(samples, threshold),
        printed=lambda: printed_samples(samples, threshold),
    )


def default_fractions(threshold: Threshold) -> list[tuple[str, float]]:
    """Return a metal fraction below the threshold and one above it."""
    return [("", BELOW * threshold.value), ("", min(ABOVE * threshold.value, DENSEST))]


def grain_count(metal_fraction: float, diameter: float, box: float) -> int:
    """Return the number of grains whose volume comes nearest to a fraction of the box."""
    return round(metal_fraction * box**3 / (pi * diameter**3 / 6.0))


def box_edge(fractions: Sequence[float], grains: Grains, box: float | None) -> float:
    """Return the edge of the box in nm, as given or so that the fullest holds 600 grains.

    Raises
    ------
    MicrostructureError
        For fractions that hard spheres in equilibrium cannot have, and boxes that are too narrow
        for the tunnelling length or hold too many grains.
    """
    diameter = grains.grain_diameter_nm
    # A pair of grains must meet in one image only, and a grain must have room to move.
    narrowest = max(2.0 * (diameter + grains.tunnelling_length_nm), 3.0 * diameter)
    for fraction in fractions:
        if not 0.0 <= fraction <= DENSEST:
            raise MicrostructureError(
                f"metal fraction {fraction:g} cannot be drawn; valid: 0 to {DENSEST}"
            )
    fullest = max(fractions)
    if box is None:
        volume = pi * diameter**3 / 6.0
        wanted = (GRAINS * volume / fullest) ** (1.0 / 3.0) if fullest > 0 else 5.0 * narrowest
        box = float(f"{max(wanted, 2.0 * narrowest):.2g}")
    if not box >= narrowest:
        raise MicrostructureError(
            f"box of {box:g} nm is too narrow for grains of {diameter:g} nm that conduct across "
            f"{grains.tunnelling_length_nm:g} nm; at least {narrowest:g} nm"
        )
    count = grain_count(fullest, diameter, box)
    if count > MOST_GRAINS:
        raise MicrostructureError(
            f"box of {box:g} nm holds {count} grains; at most {MOST_GRAINS} are drawn"
        )
    return box


def sample_grains(
    name: str, metal_fraction: float, grains: Grains, box: float, rng: np.random.Generator
) -> Sample:
    """Make one sample of hard spheres in equilibrium, and find its clusters.

    Parameters
    ----------
    name, metal_fraction, box
        As in :class:`Sample`.
    grains
        Diameter and tunnelling length.
    rng
        Random numbers.
    """
    # Compiled code is not loaded by those who draw other figures.
    from misei.screening.microstructures.grains import equilibrate, gap_links, insert_grains
    from misei.screening.microstructures.wrapping import wrapping_clusters

    diameter = grains.grain_diameter_nm
    count = grain_count(metal_fraction, diameter, box)
    diameters = np.full(count, diameter / box)
    if count == 0:
        nothing = np.zeros(0, dtype=np.int64)
        return Sample(name, metal_fraction, box, diameter, np.zeros((0, 3)), nothing,
                      np.zeros((0, 2, 3)), nothing)  # fmt: skip
    centres = equilibrate(insert_grains(diameters, rng), diameters, SWEEPS, rng)
    links = gap_links(centres, diameters, grains.tunnelling_length_nm / box)
    _, wraps = wrapping_clusters(count, links.first, links.second, links.shifts)
    kinds = np.full(count, ISOLATED)
    kinds[links.first] = kinds[links.second] = CLUSTERED
    kinds[wraps > 0] = SPANNING
    segments, origin = cut_links(centres, links.first, links.second, links.shifts)
    return Sample(
        name, metal_fraction, box, diameter, box * centres, kinds, box * segments, kinds[origin]
    )


def cut_links(
    centres: Floats, first: Integers, second: Integers, shifts: Integers
) -> tuple[Floats, Integers]:
    """Return links as lines within the unit cube; one through a face becomes two stubs.

    Parameters
    ----------
    centres, first, second, shifts
        As :class:`misei.screening.microstructures.neighbours.Links` has them.

    Returns
    -------
    tuple
        Ends, shape (lines, 2, 3), and a node of each line, shape (lines,).
    """
    through = np.any(shifts != 0, axis=1)
    starts = np.concatenate([centres[first], centres[second[through]]])
    ends = np.concatenate([centres[second] + shifts, centres[first[through]] - shifts[through]])
    steps = ends - starts
    with np.errstate(divide="ignore", invalid="ignore"):
        reached = np.where(steps > 0, (1.0 - starts) / steps, -starts / steps)
    share = np.where(steps == 0, 1.0, reached).min(axis=1).clip(0.0, 1.0)
    segments = np.stack([starts, starts + share[:, None] * steps], axis=1)
    return segments, np.concatenate([first, second[through]])
