"""Where the points of a composite's figure stand, and what is written beside them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import ceil, floor, log10

from misei.screening.percolation import NEVER
from misei.screening.plots.ranking import CLASS_COLOURS
from misei.screening.schemas_composites import CompositePoint, CompositeScanDoc

# Colours of the lines, one for each additive.
LINES = ("#000000", "#CC79A7", "#56B4E9", "#999933")
# Share of the lowest threshold at which the axis of V_f,M begins, and room above the highest value.
FOOT, HEADROOM = 0.1, 1.5
# From the last ratio to where the pure solid stands, and from there to the edge, decades.
END_DISTANCE, EDGE = 0.65, 0.3


@dataclass(frozen=True)
class Frame:
    """Where the axes begin and end.

    Attributes
    ----------
    lowest, highest
        Ratios of the outer points, mol host per mol additive.
    floor, top
        Ends of the axis of V_f,M, %.
    """

    lowest: float
    highest: float
    floor: float
    top: float

    @property
    def left(self) -> float:
        """Place of the additive alone on the axis of ratios."""
        return self.lowest * 10**-END_DISTANCE

    @property
    def right(self) -> float:
        """Place of the host alone on the axis of ratios."""
        return self.highest * 10**END_DISTANCE

    @property
    def x_range(self) -> tuple[float, float]:
        """Ends of the axis of ratios."""
        return self.left * 10**-EDGE, self.right * 10**EDGE

    def x_ticks(self, names: tuple[str, str]) -> dict[float, str]:
        """Return the labels of the axis of ratios: decades, and the two solids alone."""
        decades = range(ceil(log10(self.lowest) - 1e-9), floor(log10(self.highest) + 1e-9) + 1)
        middle = {10.0**n: f"{10.0**n:g}" for n in decades}
        return {self.left: names[0], **middle, self.right: names[1]}

    def y_ticks(self) -> list[float]:
        """Return the numbers on the axis of V_f,M, %."""
        decades = range(floor(log10(self.floor)), ceil(log10(self.top)) + 1)
        numbers = [digit * 10.0**n for n in decades for digit in (1, 2, 5)]
        return [number for number in numbers if self.floor <= number * 1.0001 <= self.top]


@dataclass(frozen=True)
class StripRow:
    """A critical ratio in the strip below the figure.

    Attributes
    ----------
    line
        Which additive.
    name
        The additive, or what is different about the grains.
    value, interval
        Critical ratio, and at the two ends of the interval of V_p; None: at no ratio.
    changed
        Whether these are other grains than those of the figure.
    """

    line: int
    name: str
    value: float | None
    interval: tuple[float | None, float | None]
    changed: bool = False

    @property
    def text(self) -> str:
        """The critical ratio with its interval: ``6.0 (1.1 to 17)``."""
        low, high = self.interval
        value = "none" if self.value is None else f"{self.value:.3g}"
        if low is None and high is None:
            return value
        lower = "0" if low is None else f"{low:.2g}"
        return f"{value} ({lower} to {high:.2g})" if high else f"{value} (from {lower})"

    def ends(self, within: Frame) -> tuple[float, float] | None:
        """Return where the whisker ends; an open end lies at the solid alone."""
        low, high = self.interval
        if low is None and high is None:
            return None
        return within.left if low is None else low, within.right if high is None else high


def frame(docs: Sequence[CompositeScanDoc]) -> Frame:
    """Return the ends of the axes: all ratios, and V_f,M from well below the threshold."""
    ratios = [ratio for doc in docs for ratio in doc.ratios]
    metal = [100 * point.metal_volume_fraction for doc in docs for point in all_points(doc)]
    low, high = docs[0].percolation_threshold_interval
    # Grains that never percolate leave V_f,M itself to set the scale.
    scale = min(100 * low, max(metal) or 100.0)
    return Frame(
        lowest=min(ratios),
        highest=max(ratios),
        floor=10.0 ** floor(log10(FOOT * scale)),
        top=min(HEADROOM * max([*metal, 100 * high]), 100.0),
    )


def strip_rows(docs: Sequence[CompositeScanDoc], with_variants: bool) -> list[StripRow]:
    """Return the critical ratio of every additive, each followed by those with other grains."""
    rows = []
    for line, doc in enumerate(docs):
        row = StripRow(line, doc.additive, doc.critical_ratio, doc.critical_ratio_interval)
        rows.append(row)
        for variant in doc.variants if with_variants else ():
            found = (variant.critical_ratio, variant.critical_ratio_interval)
            rows.append(StripRow(line, variant.change, *found, changed=True))
    return rows


def all_points(doc: CompositeScanDoc) -> list[CompositePoint]:
    """Return the points by rising ratio, the two solids alone included."""
    return [doc.additive_alone, *doc.points, doc.host_alone]


def threshold_text(doc: CompositeScanDoc) -> tuple[str, str]:
    """Return V_p and its interval in words, ``2.28 %`` and ``1.3 to 3.7 %``; empty: never."""
    low, high = doc.percolation_threshold_interval
    value = doc.percolation_threshold
    upper = "never" if high >= NEVER else f"{100 * high:.2g} %"
    return (
        f"{100 * value:.3g} %" if value < NEVER else "",
        f"{100 * low:.2g} to {upper}" if low < NEVER else "",
    )


def place(point: CompositePoint, within: Frame) -> tuple[float, float]:
    """Return the place in the figure, ratio and %; without metal, at the foot of the axis."""
    ends = {None: within.right, 0.0: within.left}
    ratio = ends[point.ratio] if point.ratio in ends else float(point.ratio or 0.0)
    return ratio, 100 * point.metal_volume_fraction or within.floor


def dashed(doc: CompositeScanDoc, within: Frame) -> list[list[tuple[float, float]]]:
    """Return the connections of the two solids alone with the line, where they are in sight."""
    pairs = [(doc.additive_alone, doc.points[0]), (doc.points[-1], doc.host_alone)]
    places = [[place(point, within) for point in pair] for pair in pairs]
    return [pair for pair in places if max(pair[0][1], pair[1][1]) > within.floor]


def classes(docs: Sequence[CompositeScanDoc]) -> list[str]:
    """Return the classes that occur, in the order of the legend."""
    found = {point.interphase_class for doc in docs for point in all_points(doc)}
    return [kind for kind in CLASS_COLOURS if kind in found]


def ratio_title(docs: Sequence[CompositeScanDoc], write: Callable[[str], str]) -> str:
    """Return the title of the axis of ratios, formulas written by ``write``."""
    additive = write(docs[0].additive) if len(docs) == 1 else "additive"
    return f"Ratio (mol {write(docs[0].host)} per mol {additive})"
