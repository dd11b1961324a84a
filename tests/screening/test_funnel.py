"""Two engines compared, and what that leaves of the first one's numbers, by hand arithmetic."""

from __future__ import annotations

from dataclasses import replace
from math import hypot, sqrt
from types import SimpleNamespace
from typing import Any

import pytest

from misei.screening.estimates import estimates
from misei.screening.funnel import compare, compare_engines, prediction_error
from misei.screening.ranking import Gates, Ranking, Screened, Weights, rank
from misei.screening.schemas_migration import SizeCorrection

# Student's t at 95 % by degrees of freedom (any table).
T95 = {2: 2.919986}
GATES = Gates()


def dft(doc: Any, kind: str = "DFT", **changes: Any) -> Any:
    """A document as if by the second engine."""
    provenance = doc.provenance.model_copy(
        update={"engine": "dft", "engine_version": "dft 2", "energies_from": kind}
    )
    return doc.model_copy(update={"engine": "dft", "provenance": provenance, **changes})


def refined(
    build: SimpleNamespace,
    item: Screened,
    ratio: float,
    barrier: float,
    **changes: Any,
) -> Screened:
    """A candidate that went to the second stage."""
    alloy = item.candidate.alloy
    documents = {
        "refined_adhesion": dft(build.adhesion(alloy, [ratio]), "DFT on a potential's geometry"),
        "refined_migration": dft(build.migration(alloy, {"1": barrier})),
    }
    return replace(item, refine="dft", **{**documents, **changes})


@pytest.fixture
def four(build: SimpleNamespace) -> list[Screened]:
    """Three alloys by both engines, one by the first alone."""
    return [
        refined(build, build.screened("LiA", 1.0, 0.20), 1.1, 0.30),
        refined(build, build.screened("LiB", 1.2, 0.30), 1.5, 0.45),
        refined(build, build.screened("LiC", 1.5, 0.10), 1.6, 0.15),
        build.screened("LiD", 0.9, 0.25),
    ]


def rows(ranking: Ranking) -> dict[str, Any]:
    return {row.alloy: row for row in ranking.candidates}


def test_bias_and_scatter_of_three_differences() -> None:
    found = compare("x", "eV", {"A": (1.0, 1.1), "B": (1.2, 1.5), "C": (1.5, 1.6)})
    # differences 0.1, 0.3, 0.1: mean 1/6; squares about it 2 x (1/15)^2 + (2/15)^2 = 6/225
    assert found.bias == pytest.approx(0.5 / 3)
    assert found.scatter == pytest.approx(sqrt(6 / 225 / 2))
    assert (found.spearman, found.kendall) == (pytest.approx(1.0), pytest.approx(1.0))
    assert (found.n, found.verdict) == (3, "used")
    assert prediction_error(found) == pytest.approx(
        T95[2] * sqrt(6 / 450) * sqrt(1 + 1 / 3), rel=1e-6
    )


def test_rank_correlations_of_one_exchange_among_four() -> None:
    found = compare("x", "eV", {"A": (1, 10), "B": (2, 30), "C": (3, 20), "D": (4, 40)})
    assert found.spearman == pytest.approx(1 - 6 * 2 / (4 * 15))
    assert found.kendall == pytest.approx((5 - 1) / 6)


@pytest.mark.parametrize(
    ("pairs", "bias", "scatter"),
    [
        ({}, None, None),
        ({"A": (1.0, 1.3)}, 0.3, None),
        ({"A": (1.0, 1.3), "B": (1.0, 1.1)}, 0.2, sqrt(0.02)),
    ],
)
def test_too_few_alloys_say_so(pairs: Any, bias: float | None, scatter: float | None) -> None:
    found = compare("x", "eV", pairs)
    assert found.bias == (None if bias is None else pytest.approx(bias))
    assert found.scatter == (None if scatter is None else pytest.approx(scatter))
    assert found.spearman is None
    assert found.kendall is None
    assert found.verdict == f"too few ({len(pairs)}; 3 are needed)"
    with pytest.raises(ValueError, match="valid: 3 or more"):
        prediction_error(found)


def test_an_engine_that_tells_nothing_apart_has_no_correlation() -> None:
    found = compare("x", "eV", {"A": (1.0, 1.0), "B": (1.0, 2.0), "C": (1.0, 3.0)})
    assert (found.spearman, found.kendall) == (None, None)
    assert found.bias == pytest.approx(1.0)


def test_one_engine_is_not_compared(build: SimpleNamespace) -> None:
    assert compare_engines([build.screened("LiA", 1.0, 0.2)]) is None
    assert rank([build.screened("LiA", 1.0, 0.2)], GATES, Weights()).comparison is None


def test_every_quantity_of_the_overlap(four: list[Screened]) -> None:
    comparison = compare_engines(four)
    assert comparison is not None
    assert (comparison.screen, comparison.refine, comparison.second_is_dft) == ("toy", "dft", True)
    assert [q.quantity for q in comparison.quantities] == [
        "work_of_adhesion", "wetting_ratio", "migration_barrier", "vacancy_formation_energy",
    ]  # fmt: skip
    assert all(q.alloys == ["LiA", "LiB", "LiC"] for q in comparison.quantities)
    assert comparison.of("wetting_ratio").differences == pytest.approx([0.1, 0.3, 0.1])
    assert comparison.of("migration_barrier").bias == pytest.approx(0.1)
    assert "not a random sample" in comparison.selection


def test_refined_alloy_has_the_numbers_and_errors_of_dft(four: list[Screened]) -> None:
    row = rows(rank(four, GATES, Weights()))["LiB"]
    assert (row.engine, row.engine_version) == ("dft", "dft 2")
    assert (row.migration_engine, row.migration_engine_version) == ("dft", "dft 2")
    assert row.energies_from == "adhesion: DFT on a potential's geometry; migration: DFT"
    assert row.wetting_ratio == pytest.approx(1.5)
    assert row.wetting_ratio_interval == pytest.approx((1.35, 1.65))
    assert row.migration_barrier == pytest.approx(0.45)
    assert row.migration_barrier_interval == pytest.approx((0.35, 0.55))
    assert (row.screen_wetting_ratio, row.screen_migration_barrier) == pytest.approx((1.2, 0.30))


def test_what_larger_supercells_add_is_named(four: list[Screened]) -> None:
    first, *others = four
    assert first.refined_migration is not None
    change = SizeCorrection(
        engine="emt", natoms=15, natoms_larger=63, migration_barrier=-0.1, formation_energy=0.0
    )
    second = first.refined_migration.model_copy(update={"size_correction": change})
    ranking = rank([replace(first, refined_migration=second), *others], GATES, Weights())
    row = rows(ranking)[first.candidate.alloy]
    assert row.energies_from == (
        "adhesion: DFT on a potential's geometry; "
        "migration: DFT in 15 atoms, its change to 63 by emt"
    )


def test_other_alloys_are_moved_by_the_bias_with_an_interval_from_the_scatter(
    four: list[Screened],
) -> None:
    row = rows(rank(four, GATES, Weights()))["LiD"]
    ratio = 0.9 + 0.5 / 3
    assert row.wetting_ratio == pytest.approx(ratio)
    assert row.work_of_adhesion == pytest.approx(ratio)  # gamma_Li is 0.5 J/m2
    error = hypot(T95[2] * sqrt(6 / 450) * sqrt(4 / 3), 0.1 * ratio)
    assert row.wetting_ratio_interval == pytest.approx((ratio - error, ratio + error), rel=1e-6)
    # differences 0.10, 0.15, 0.05 eV: mean 0.1, standard deviation 0.05
    assert row.migration_barrier == pytest.approx(0.35)
    error = hypot(T95[2] * 0.05 * sqrt(4 / 3), 0.1)
    assert row.migration_barrier_interval == pytest.approx((0.35 - error, 0.35 + error), rel=1e-6)
    assert (row.engine, row.migration_engine) == ("toy", "toy")
    assert row.energies_from == "potential, plus the mean difference to the second engine"
    assert row.screen_migration_barrier == pytest.approx(0.25)
    assert row.activation_energy == pytest.approx(0.35 + 0.5)


def test_two_alloys_widen_the_assumed_interval_and_move_nothing(four: list[Screened]) -> None:
    row = rows(rank([four[0], four[1], four[3]], GATES, Weights()))["LiD"]
    assert row.wetting_ratio == pytest.approx(0.9)
    # +- 25 %: 0.675 to 1.125; the differences seen reach 0.9 + 0.3
    assert row.wetting_ratio_interval == pytest.approx((0.675, 1.2))
    # +- 0.15 eV: 0.10 to 0.40; the differences seen stay within
    assert row.migration_barrier_interval == pytest.approx((0.10, 0.40))
    assert row.energies_from == "potential"


def test_a_barrier_interval_does_not_fall_below_zero(
    build: SimpleNamespace, four: list[Screened]
) -> None:
    row = rows(rank([*four[:3], build.screened("LiE", 1.0, 0.01)], GATES, Weights()))["LiE"]
    assert row.migration_barrier == pytest.approx(0.11)
    assert row.migration_barrier_interval[0] == 0.0


def test_a_second_potential_has_the_errors_of_a_potential(
    build: SimpleNamespace, four: list[Screened]
) -> None:
    items = [
        replace(
            item,
            refined_adhesion=dft(item.refined_adhesion, "potential"),
            refined_migration=dft(item.refined_migration, "potential"),
        )
        for item in four[:3]
    ]
    found = rows(rank([*items, four[3]], GATES, Weights()))
    assert found["LiB"].wetting_ratio_interval == pytest.approx((1.5 * 0.75, 1.5 * 1.25))
    assert found["LiB"].migration_barrier_interval == pytest.approx((0.30, 0.60))
    error = hypot(T95[2] * 0.05 * sqrt(4 / 3), 0.15)
    assert found["LiD"].migration_barrier_interval[1] == pytest.approx(0.35 + error, rel=1e-6)


@pytest.mark.parametrize(
    ("changes", "trouble"),
    [
        ({"refined_migration": None}, "has no result"),
        ({"refined_migration": "unconverged"}, "is not converged"),
        ({"refined_migration": "closed"}, "finds no percolating path"),
    ],
)
def test_failed_refinement_leaves_the_first_engine_s_number(
    build: SimpleNamespace, changes: dict[str, Any], trouble: str
) -> None:
    documents = {
        "unconverged": dft(build.migration("LiA", {"1": 0.5}, converged=False)),
        "closed": dft(build.migration("LiA", {})),
    }
    changes = {key: documents.get(value, value) for key, value in changes.items()}
    item = refined(build, build.screened("LiA", 1.0, 0.2), 1.2, 0.3, **changes)
    ranking = rank([item], GATES, Weights())
    (row,) = ranking.candidates
    assert (row.engine, row.migration_engine) == ("dft", "toy")
    assert row.migration_barrier == pytest.approx(0.2)
    assert ranking.warnings == [
        f"LiA: migration by dft {trouble}; the first engine's numbers stand"
    ]
    assert ranking.comparison is not None
    assert ranking.comparison.of("migration_barrier").n == 0


def test_unconverged_refinement_counts_when_asked(build: SimpleNamespace) -> None:
    doc = dft(build.migration("LiA", {"1": 0.5}, converged=False))
    item = refined(build, build.screened("LiA", 1.0, 0.2), 1.2, 0.3, refined_migration=doc)
    ranking = rank([item], Gates(accept_unconverged=True), Weights())
    assert ranking.candidates[0].migration_barrier == pytest.approx(0.5)
    assert ranking.warnings == []


def test_gates_act_on_the_second_engine_s_numbers(build: SimpleNamespace) -> None:
    item = refined(build, build.screened("LiA", 1.0, 0.2), 0.4, 0.3)
    (rejection,) = rank([item], GATES, Weights()).rejected
    assert (rejection.gate, rejection.value) == ("wetting_ratio", pytest.approx(0.4))


def test_candidate_without_documents_has_no_estimates(build: SimpleNamespace) -> None:
    item = replace(build.screened("LiA", 1.0, 0.2), adhesion=None)
    assert estimates(item, None, accept_unconverged=False) is None
