from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest
from pydantic import ValidationError

from misei.screening.ranking import Gates, Ranking, Screened, Weights, rank


def ranked(items: list[Screened], gates: Gates | None = None, **weights: float) -> Ranking:
    return rank(items, gates or Gates(), Weights(**weights))


def by_alloy(ranking: Ranking) -> dict[str, Any]:
    return {candidate.alloy: candidate for candidate in ranking.candidates}


def test_score_is_the_weighted_mean_and_sets_the_order(build: SimpleNamespace) -> None:
    # gate 0.6 eV: mobility 1 - 0.3 / 0.6 = 0.5, 1 - 0.12 / 0.6 = 0.8, 1 - 0.6 / 0.6 = 0
    items = [
        build.screened("Li3Al", 0.8, 0.30),
        build.screened("Li9Ag4", 0.6, 0.12),
        build.screened("Li15Ge4", 1.7, 0.60),
    ]
    ranking = ranked(items, wetting_ratio=3.0, migration_barrier=1.0)
    assert [(c.rank, c.alloy) for c in ranking.candidates] == [
        (1, "Li9Ag4"), (2, "Li15Ge4"), (3, "Li3Al"),
    ]  # fmt: skip
    scores = [c.score for c in ranking.candidates]
    # affinity w / (1 + w): 0.6/1.6 = 3/8, 1.7/2.7 = 17/27, 0.8/1.8 = 4/9
    assert scores == pytest.approx([(9 / 8 + 0.8) / 4, (17 / 9) / 4, (4 / 3 + 0.5) / 4])
    # only the ratio of the weights matters
    assert [c.score for c in ranked(items, wetting_ratio=0.6, migration_barrier=0.2).candidates] \
        == pytest.approx(scores)  # fmt: skip
    # equal weights: 0.5875, 0.472, 0.315
    assert [c.alloy for c in ranked(items).candidates] == ["Li9Ag4", "Li3Al", "Li15Ge4"]


def test_score_of_an_alloy_does_not_depend_on_the_others(build: SimpleNamespace) -> None:
    item = build.screened("Li3Al", 0.8, 0.30)
    alone = ranked([item]).candidates[0].score
    beside = ranked([item, build.screened("LiZn", 1.5, 0.01)])
    assert by_alloy(beside)["Li3Al"].score == pytest.approx(alone)


def test_numbers_of_a_ranked_alloy(build: SimpleNamespace) -> None:
    (candidate,) = ranked([build.screened("Li3Al", 0.8, 0.10)]).candidates
    assert candidate.work_of_adhesion == pytest.approx(0.8)
    assert candidate.contact_angle == pytest.approx(53.1301, abs=1e-3)  # arccos 0.6
    assert candidate.wetting_ratio_interval == pytest.approx((0.6, 1.0))
    assert candidate.migration_barrier_interval == pytest.approx((0.0, 0.25))  # not below 0
    assert candidate.percolation_dimensions == 2
    assert candidate.activation_energy == pytest.approx(0.6)  # 0.1 + the lower E_f, 0.5
    assert candidate.metal == "Al"
    assert candidate.engine_version == "toy 1.2"


def test_interval_of_the_document_replaces_the_flat_one(build: SimpleNamespace) -> None:
    item = build.screened("Li3Al", 0.8, 0.10)
    item.adhesion.wetting_ratio_interval = (0.7, 1.3)
    (candidate,) = ranked([item]).candidates
    assert candidate.wetting_ratio_interval == (0.7, 1.3)


def test_energies_are_those_of_the_documents(build: SimpleNamespace) -> None:
    item = build.screened("Li3Al", 0.8, 0.10)
    assert ranked([item]).candidates[0].energies_from == "potential"
    provenance = item.adhesion.provenance
    item.adhesion.provenance = provenance.model_copy(
        update={"energies_from": "DFT on a potential's geometry"}
    )
    assert ranked([item]).candidates[0].energies_from == (
        "adhesion: DFT on a potential's geometry; migration: potential"
    )


def test_pareto_front(build: SimpleNamespace) -> None:
    ranking = ranked(
        [
            build.screened("Li3Al", 0.8, 0.30),  # LiZn is as good in one and better in the other
            build.screened("LiZn", 0.8, 0.20),
            build.screened("Li9Ag4", 0.6, 0.10),
            build.screened("Li3Ag", 0.6, 0.10),  # equals do not dominate each other
            build.screened("Li15Ge4", 1.2, 0.50),
            build.screened("LiMg", 0.55, 0.40),
        ]
    )
    front = {alloy for alloy, candidate in by_alloy(ranking).items() if candidate.pareto}
    assert front == {"LiZn", "Li9Ag4", "Li3Ag", "Li15Ge4"}


def test_rank_interval_follows_from_the_errors(build: SimpleNamespace) -> None:
    # Scores when low (0.75 ratio, E_m + 0.15 eV) and high (1.25 ratio, E_m - 0.15 eV):
    # A 0.8, 0.15 eV: (0.375 + 0.5) / 2 = 0.4375  to (0.5 + 1) / 2 = 0.75
    # B 0.8, 0.30 eV: (0.375 + 0.25) / 2 = 0.3125 to (0.5 + 0.75) / 2 = 0.625
    # C 0.5, 0.57 eV: (0.273 + 0) / 2 = 0.136     to (0.385 + 0.3) / 2 = 0.342
    # D 0.5, 0.60 eV: (0.273 + 0) / 2 = 0.136     to (0.385 + 0.25) / 2 = 0.317
    items = [
        build.screened("A", 0.8, 0.15), build.screened("B", 0.8, 0.30),
        build.screened("C", 0.5001, 0.57), build.screened("D", 0.5001, 0.5999),
    ]  # fmt: skip
    intervals = {a: c.rank_interval for a, c in by_alloy(ranked(items)).items()}
    assert intervals == {"A": (1, 2), "B": (1, 4), "C": (2, 4), "D": (2, 4)}


def test_rank_lies_in_its_interval_when_scores_tie(build: SimpleNamespace) -> None:
    # The same affinity, and only that counts.
    items = [build.screened("B", 2.0, 0.3), build.screened("A", 2.0, 0.2)]
    ranking = ranked(items, wetting_ratio=1.0, migration_barrier=0.0)
    assert [(c.alloy, c.rank, c.rank_interval) for c in ranking.candidates] == [
        ("A", 1, (1, 2)), ("B", 2, (1, 2)),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("case", "gate", "value", "limit"),
    [
        ({"e_above_hull": 0.05}, "e_above_hull", 0.05, 0.03),
        ({"e_above_hull": float("nan")}, "e_above_hull", float("nan"), 0.03),
        ({"strain": -0.12}, "strain", 0.12, 0.10),
        ({"ratio": 0.49}, "wetting_ratio", 0.49, 0.5),
        ({"barrier": 0.61}, "migration_barrier", 0.61, 0.6),
        ({"converged": False}, "adhesion converged", "not converged", "converged"),
    ],
)  # fmt: skip
def test_gates_reject_with_their_number(
    build: SimpleNamespace, case: dict[str, Any], gate: str, value: Any, limit: Any
) -> None:
    item = build.screened("Li3Al", **{"ratio": 0.8, "barrier": 0.3, **case})
    ranking = ranked([item, build.screened("LiZn", 0.8, 0.3)])
    assert [c.alloy for c in ranking.candidates] == ["LiZn"]
    (rejection,) = ranking.rejected
    assert (rejection.alloy, rejection.gate, rejection.limit) == ("Li3Al", gate, limit)
    expected = pytest.approx(value, nan_ok=True) if isinstance(value, float) else value
    assert rejection.value == expected


def test_limits_themselves_pass(build: SimpleNamespace) -> None:
    gates = Gates(max_e_above_hull=0.03, max_migration_barrier=0.3, max_strain=0.02)
    assert ranked([build.screened("Li3Al", 0.8, 0.3, e_above_hull=0.03)], gates).candidates


@pytest.mark.parametrize("missing", ["adhesion", "migration"])
def test_missing_result_is_rejected(build: SimpleNamespace, missing: str) -> None:
    item = replace(build.screened("Li3Al", 0.8, 0.3), **{missing: None})
    (rejection,) = ranked([item]).rejected
    assert (rejection.gate, rejection.value) == (missing, "no result")


def test_crystal_without_percolating_path_is_rejected(build: SimpleNamespace) -> None:
    item = replace(build.screened("Li3Al", 0.8, 0.3), migration=build.migration("Li3Al", {}))
    (rejection,) = ranked([item]).rejected
    assert (rejection.gate, rejection.value) == ("migration_barrier", "no percolating path")


def test_unconverged_results_are_ranked_when_asked(build: SimpleNamespace) -> None:
    item = build.screened("Li3Al", 0.8, 0.3)
    item = replace(item, migration=build.migration("Li3Al", {"1": 0.3}, converged=False))
    assert ranked([item]).rejected[0].gate == "migration converged"
    assert ranked([item], Gates(accept_unconverged=True)).candidates[0].alloy == "Li3Al"


def test_nothing_to_rank() -> None:
    ranking = ranked([])
    assert ranking.candidates == []
    assert ranking.rejected == []


def test_weights_must_weigh_something() -> None:
    with pytest.raises(ValidationError, match="at least one weight"):
        Weights(wetting_ratio=0.0, migration_barrier=0.0)


def test_imaginary_phonons_are_rejected_with_frequency_and_q(build: SimpleNamespace) -> None:
    soft = replace(build.screened("Li3Al", 0.8, 0.3), vibrations=build.vibrations("Li3Al", -1.25))
    items = [soft, replace(build.screened("LiZn", 0.8, 0.3), vibrations=build.vibrations("LiZn"))]
    ranking = ranked([*items, build.screened("LiMg", 0.8, 0.3)])
    (rejection,) = ranking.rejected
    assert (rejection.alloy, rejection.gate) == ("Li3Al", "dynamically_stable")
    assert rejection.value == "lowest mode -1.25 THz at q = (0.5, 0, 0.5)"
    assert rejection.limit == "no mode below -0.1 THz"
    rows = by_alloy(ranking)
    assert (rows["LiZn"].dynamically_stable, rows["LiZn"].lowest_frequency) == (True, 0.0)
    assert (rows["LiMg"].dynamically_stable, rows["LiMg"].lowest_frequency) == (None, None)
    open_gate = by_alloy(ranked(items, Gates(dynamically_stable=False)))
    assert open_gate["Li3Al"].dynamically_stable is False


def test_moduli_of_an_isotropic_alloy(build: SimpleNamespace) -> None:
    item = replace(build.screened("Li3Al", 0.8, 0.3), elasticity=build.elasticity("Li3Al"))
    (row,) = ranked([item]).candidates
    # E = 9 B G / (3 B + G), nu = (3 B - 2 G) / (6 B + 2 G)
    assert (row.bulk_modulus, row.shear_modulus) == pytest.approx((50.0, 20.0))
    assert row.youngs_modulus == pytest.approx(9 * 50 * 20 / 170)
    assert row.poisson_ratio == pytest.approx(110 / 340)
    assert row.pugh_ratio == pytest.approx(2.5)
