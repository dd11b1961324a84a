"""The commands thresholds, calibrate and conductivity as users and other programs see them."""

from __future__ import annotations

import json
from typing import Any

import pytest
from click.testing import Result
from typer.testing import CliRunner

from misei.launchers.cli import app
from misei.screening.grains import DEFAULT_GRAINS

EXACT_TOLERANCE = 0.01  # relative, of models that are known exactly or to many digits
COMPOSITE = "16 Li6PS5Cl + Li10GeP2S12"


def misei(*arguments: str) -> Result:
    return CliRunner().invoke(app, arguments)


def answer(*arguments: str) -> Any:
    done = misei(*arguments, "--json")
    assert done.exit_code == 0, done.stderr
    return json.loads(done.stdout)


@pytest.mark.parametrize("command", ["thresholds", "calibrate", "conductivity"])
def test_help_has_examples(command: str) -> None:
    done = misei(command, "--help")
    assert done.exit_code == 0
    assert f"misei {command}" in done.stdout.split("Examples")[1]


@pytest.mark.parametrize("command", ["interphase", "design", "conductivity", "thresholds"])
def test_every_input_of_the_grains_is_an_option(command: str) -> None:
    shown = misei(command, "--help").stdout
    for option in (
        "--grain-diameter", "--tunnelling-length", "--aspect-ratio", "--envelope", "--size-ratio",
        "--small-share", "--spread",
    ):  # fmt: skip
        assert option in shown


def test_published_models_are_met() -> None:
    models = answer("thresholds")["models"]
    exact = [model for model in models if model["exact"]]
    assert len(exact) == 5
    for model in exact:
        assert model["threshold"] == pytest.approx(model["published"], rel=EXACT_TOLERANCE)
        assert model["standard_error"] < 0.002 * model["published"]


def test_thresholds_of_given_grains() -> None:
    one, two = (
        answer("thresholds", *given)["grains"]
        for given in ((), ("--size-ratio", "2", "--small-share", "0.5"))
    )
    assert two["value"] < one["value"]
    assert "50 vol% of the metal in grains 2 times smaller" in two["model"]
    shown = misei("thresholds").stdout
    assert "overlapping spheres" in shown
    assert f"V_p = {100 * one['value']:.3g} %" in shown


def test_calibration_gives_the_default_grains() -> None:
    document = answer("calibrate")
    assert all(one["agrees"] for one in document["observations"])
    assert document["grains"]["grain_diameter_nm"] == pytest.approx(
        DEFAULT_GRAINS.grain_diameter_nm, rel=0.01
    )
    shown = misei("calibrate").stdout
    assert "--grain-diameter 1.75 (nm)" in shown


def test_calibration_by_other_cells() -> None:
    document = answer(
        "calibrate", "--seen", "8 Li6PS5Cl + Li3InCl6=MI-SEI", "--seen", "Li3InCl6=MCI"
    )
    assert [one["seen"] for one in document["observations"]] == ["MI-SEI", "MCI"]
    low, high = document["threshold_bracket"]
    assert 0.02 < low < 0.05 < high


def test_conductivity_jumps_at_the_threshold() -> None:
    below, above = answer("conductivity", COMPOSITE, "Li10GeP2S12", "--sigma-lithium", "1e-6")
    assert below["sigma_electronic"] < 1e-12 < 1e2 < above["sigma_electronic"]
    assert below["area_specific_resistance"] < 1e-2 * above["area_specific_resistance"]
    assert below["sigma_lithium"] == 1e-6
    assert below["time_h"] == 1000
    shown = misei("conductivity", COMPOSITE).stdout
    for words in ("sigma_e (S/cm)", "mixing rule (S/cm)", "need --sigma-lithium, S/cm"):
        assert words in shown


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("interphase", "LiF", "--grain-diameter", "-1"), "grain_diameter_nm -1.0"),
        (("design", "Li6PS5Cl", "LiF", "--aspect-ratio", "20"), "aspect_ratio 20.0"),
        (("thresholds", "--aspect-ratio", "2", "--envelope", "1"), "choose one"),
        (("calibrate", "--seen", "Li3InCl6"), "FORMULA=CLASS"),
        (("calibrate", "--seen", "Li3InCl6=MCI"), "no MI-SEI among"),
        (("conductivity", "LiF", "--sigma-metal", "0"), "sigma_metal 0 is not positive"),
        (("conductivity", "LiF", "--sigma-metal", "1e-20"), "insulator conducts"),
    ],
)
def test_bad_input_is_one_line(arguments: tuple[str, ...], message: str) -> None:
    done = misei(*arguments)
    assert done.exit_code == 2
    assert message in done.stderr
    assert len(done.stderr.splitlines()) == 1
