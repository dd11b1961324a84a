"""The metal grains of an interphase: size, shape, envelope, and how far electrons tunnel.

These are physical inputs, the same for every electrolyte and metal. How close electrons need two
grains to be, relative to their size, is what decides: only D / delta enters the percolation
threshold of bare grains. delta is 2 to 3 nm, the length over which tunnelling through an
insulating interphase dies out (Lin et al., J. Power Sources 309, 221 (2016)); D / delta is what
:mod:`misei.screening.calibration` finds in the one experiment that brackets the threshold.
"""

from __future__ import annotations

from collections.abc import Iterator

from pydantic import BaseModel, ConfigDict, Field, ValidationError

# `misei calibrate`: the four composites of Su et al., EES Batteries 1, 242 (2025), leave D / delta
# between 0.51 and 0.96, which is 1.75 nm / 2.5 nm within a factor of 1.36.
DEFAULT_DIAMETER_NM = 1.75
DEFAULT_TUNNELLING_LENGTH_NM = 2.5
CALIBRATED_SPREAD = 1.36
# What `variants` tries: grains twice as wide, or three times as long as wide; envelopes of these
# shares of delta, the last of which keeps all grains out of each other's reach.
WIDER, LONGER, ENVELOPES = 2.0, 3.0, (0.25, 0.4, 0.5)


class GrainsError(ValueError):
    """Grains that cannot be, or that no table of the model covers."""


class Grains(BaseModel):
    """Metal grains in an insulating interphase.

    Attributes
    ----------
    grain_diameter_nm
        D: of the metal; of the sphere of equal volume where grains are not round, of the large
        ones where there are two sizes. nm.
    tunnelling_length_nm
        delta: gap between two metal surfaces up to which electrons tunnel, nm.
    aspect_ratio
        Length along the axis over that across it: spheroids, 1 for spheres.
    envelope_nm
        Thickness of insulator that encloses every grain and keeps others off, nm.
    size_ratio, small_share
        Diameter of the large grains over that of the small ones, and the share of the metal's
        volume in small grains (0 to 1).
    spread
        Factor by which D / delta may be off, either way: its logarithm is uniform in that range.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    grain_diameter_nm: float = Field(default=DEFAULT_DIAMETER_NM, gt=0, description="D, nm.")
    tunnelling_length_nm: float = Field(
        default=DEFAULT_TUNNELLING_LENGTH_NM, gt=0, description="nm."
    )
    aspect_ratio: float = Field(
        default=1.0, ge=0.1, le=10.0, description="Axis over width; 1: round."
    )
    envelope_nm: float = Field(default=0.0, ge=0.0, description="Insulator around every grain, nm.")
    size_ratio: float = Field(default=1.0, ge=1.0, le=4.0, description="Large over small diameter.")
    small_share: float = Field(
        default=0.0, ge=0.0, le=1.0, description="Metal in small grains (0 to 1)."
    )
    spread: float = Field(
        default=CALIBRATED_SPREAD, ge=1.0, description="Factor on D / delta, each way."
    )

    @property
    def closeness(self) -> float:
        """D / delta."""
        return self.grain_diameter_nm / self.tunnelling_length_nm

    @property
    def round(self) -> bool:
        """Whether grains are spheres."""
        return self.aspect_ratio == 1.0

    @property
    def of_one_size(self) -> bool:
        """Whether all grains have one diameter."""
        return self.size_ratio == 1.0 or self.small_share == 0.0

    def changed(self, **values: float | None) -> Grains:
        """Return grains with some inputs changed; None leaves one as it is.

        Raises
        ------
        GrainsError
            For a value out of range, in one line that names it.
        """
        given = {name: value for name, value in values.items() if value is not None}
        try:
            return Grains.model_validate({**self.model_dump(), **given})
        except ValidationError as error:
            problem = error.errors()[0]
            name = str(problem["loc"][0])
            raise GrainsError(f"{name} {problem['input']}: {problem['msg']}") from error

    def description(self) -> str:
        """Give the inputs with units and ranges, in one line."""
        low, high = self.grain_diameter_nm / self.spread, self.grain_diameter_nm * self.spread
        parts = [
            f"grain diameter {self.grain_diameter_nm:g} nm ({low:.3g}-{high:.3g})",
            f"tunnelling length {self.tunnelling_length_nm:g} nm",
        ]
        if not self.round:
            parts.append(f"aspect ratio {self.aspect_ratio:g} (diameter at equal volume)")
        if self.envelope_nm:
            parts.append(f"enveloped in {self.envelope_nm:g} nm of insulator")
        if not self.of_one_size:
            parts.append(
                f"{100 * self.small_share:g} vol% of the metal in grains {self.size_ratio:g} "
                "times smaller"
            )
        return ", ".join(parts)


DEFAULT_GRAINS = Grains()


def variants(grains: Grains) -> Iterator[tuple[str, Grains]]:
    """Yield what could be made of the grains, each with what changed in words.

    Rounder, larger and enveloped grains raise the threshold (Su et al., EES Batteries 2025, 1,
    242); longer ones, for grains that are round, show what that costs.
    """
    wider = WIDER * grains.grain_diameter_nm
    yield f"larger: {wider:g} nm", grains.changed(grain_diameter_nm=wider)
    if not grains.round:
        yield "rounder: spheres", grains.changed(aspect_ratio=1.0)
    if not grains.of_one_size:
        yield "of one size, the large one", grains.changed(size_ratio=1.0, small_share=0.0)
    if grains.round and grains.of_one_size:
        for thickness in (share * grains.tunnelling_length_nm for share in ENVELOPES):
            if thickness > grains.envelope_nm:
                yield (
                    f"enveloped in {thickness:g} nm of insulator",
                    grains.changed(envelope_nm=thickness),
                )
        if not grains.envelope_nm:
            yield f"less round: aspect ratio {LONGER:g}", grains.changed(aspect_ratio=LONGER)
