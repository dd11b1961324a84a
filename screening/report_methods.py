"""The methods section of the report."""

from __future__ import annotations

from html import escape

from misei.screening.provenance import intervals_text
from misei.screening.report_html import WETTING_RATIO, bullets


def methods_section() -> str:
    """State equations, sources and what the intervals are."""
    return bullets(
        [
            "<b>Electrode potential.</b> A potential φ vs Li/Li⁺ sets the chemical potential of Li "
            "to μ<sub>Li</sub> = μ<sub>Li</sub>(metal) &minus; eφ; phases compete in the grand "
            "potential Φ = E &minus; μ<sub>Li</sub>N<sub>Li</sub> (Zhu, He and Mo, ACS Appl. "
            "Mater. Interfaces 7, 23685 (2015)). 0 V means excess Li metal.",
            "<b>Metal volume fraction.</b> V<sub>f,M</sub> = volume of the metallic products at "
            "0 V over that of all products, excess Li metal left out; volumes are those of the "
            "crystals. The interphase is an MCI at or above the percolation threshold "
            "V<sub>p</sub>, an MI-SEI below it, an SEI without metal (Su et al., EES Batteries "
            "1, 242 (2025)).",
            "<b>Work of adhesion.</b> W<sub>ad</sub> = (E<sub>Li slab</sub> + E<sub>alloy slab"
            "</sub> &minus; E<sub>interface</sub>) / A, all relaxed in the same in-plane cell; the "
            "strain lies in Li. Young-Dupré: cos θ = W<sub>ad</sub> / &gamma;<sub>Li</sub> &minus; "
            "1; Li wets completely at W<sub>ad</sub> ≥ 2&gamma;<sub>Li</sub>, with "
            "&gamma;<sub>Li</sub> = (E<sub>slab</sub> &minus; N E<sub>bulk</sub>) / 2A of the same "
            "engine.",
            "<b>Migration barrier.</b> E<sub>m</sub> is the highest energy along the easiest "
            "network of vacancy hops that percolates through the crystal; each hop is a "
            "climbing-image nudged elastic band. E<sub>f</sub> is the energy to move one Li from "
            "the crystal to Li metal; E<sub>m</sub> + E<sub>f</sub> is the activation energy of "
            "diffusion by thermal vacancies.",
            f"<b>Score.</b> Weighted mean of the affinity w / (1 + w), w = {WETTING_RATIO}, and "
            "of 1 &minus; E<sub>m</sub> / (its gate), clipped to 0 to 1. Intervals: "
            f"{escape(intervals_text())}; each alloy is taken at its best and all others at their "
            "worst, and the reverse.",
        ]
    )
