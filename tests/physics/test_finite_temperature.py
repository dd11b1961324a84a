"""The LiAl plateau at finite temperature against the measured temperature coefficient."""

from __future__ import annotations

import pytest
from jobflow import Flow, JobStore, run_locally
from maggma.stores import MemoryStore
from scipy import constants

from misei.screening.entries import BundledSource, EntrySource
from misei.screening.results import find_documents
from misei.screening.schemas_vibrations import VibrationsDoc
from misei.screening.thermodynamics import reduce
from misei.screening.vibrations import finite_temperature_source
from misei.workflows.vibrations import VibrationsMaker

# Al | LiAl against liquid Li: E/mV = 451 - 0.220 T/K (Wen, Boukamp, Huggins and Weppner,
# J. Electrochem. Soc. 126, 2258 (1979)).
MEASURED_SLOPE = -0.220e-3  # V/K
# Solid Li has less entropy than the melt: 3.00 kJ/mol at 453.65 K (CRC Handbook).
FUSION_SLOPE = 3000.0 / 453.65 / (constants.elementary_charge * constants.Avogadro)  # V/K
# Thermal expansion, anharmonicity, and the Li vacancies of LiAl are not in the model.
SLOPE_TOLERANCE = 0.05e-3  # V/K
# One plateau: the other alloys, and the polymorphs that the test does not compute, are excluded.
PHASES = ("Li-194", "Al-225", "LiAl-227")
EXCLUDED = tuple(
    str(entry.entry_id)
    for entry in BundledSource().entries(["Li", "Al"])
    if entry.entry_id not in PHASES
)


@pytest.fixture(scope="module")
def vibrations(tmp_path_factory: pytest.TempPathFactory) -> list[VibrationsDoc]:
    source = BundledSource()
    maker = VibrationsMaker(engine="sevennet-l3i5", min_length=8.9)
    flows = [maker.make(source.find(i)[0].structure, entry_id=i) for i in PHASES]
    results = JobStore(MemoryStore(), additional_stores={"data": MemoryStore()})
    run_locally(
        Flow(flows), store=results, log=False, create_folders=True, ensure_success=True,
        root_dir=tmp_path_factory.mktemp("vibrations"),
    )  # fmt: skip
    return find_documents(results, VibrationsDoc)


def potential(source: EntrySource) -> float:
    """Of Al + Li -> LiAl, V vs Li/Li+."""
    return reduce("Al", source, EXCLUDED).reduction_potential


@pytest.mark.slow
@pytest.mark.science
def test_the_plateau_of_lial_falls_as_measured(vibrations: list[VibrationsDoc]) -> None:
    assert len(vibrations) == len(PHASES)
    assert all(document.dynamically_stable for document in vibrations)
    zero = BundledSource()
    potentials = {}
    for temperature in (300.0, 500.0, 700.0):
        source, missing = finite_temperature_source(zero, ["Al"], vibrations, temperature, EXCLUDED)
        assert missing == ()
        potentials[temperature] = potential(source)
    # Entropy differences vanish towards 0 K and the melt has more: the line extrapolated to 0 K
    # bounds the shift.
    assert 300.0 * MEASURED_SLOPE < potentials[300.0] - potential(zero) < 0
    slope = (potentials[700.0] - potentials[500.0]) / 200.0
    assert slope == pytest.approx(MEASURED_SLOPE + FUSION_SLOPE, abs=SLOPE_TOLERANCE)


@pytest.mark.slow
@pytest.mark.science
def test_without_the_alloy_the_system_stays_at_0_k(vibrations: list[VibrationsDoc]) -> None:
    zero = BundledSource()
    without_li9al4 = [phase for phase in EXCLUDED if phase != "Li9Al4-12"]
    source, missing = finite_temperature_source(zero, ["Al"], vibrations, 300.0, without_li9al4)
    assert source is zero
    assert missing == ("Li9Al4 (Li9Al4-12)",)
