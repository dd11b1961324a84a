"""Campaign files: what is right is read, what is wrong is one line that names it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from misei.screening.campaign import Campaign, CampaignError, load_campaign
from misei.workflows.campaign import check_engines
from misei.workflows.engines import UnknownEngineError

GOOD: dict[str, Any] = {
    "name": "lpsc",
    "electrolytes": ["Li6PS5Cl", "16 Li6PS5Cl + Li10GeP2S12"],
    "metals": ["Mg", "Ag"],
}


def load(folder: Path, **changes: Any) -> Campaign:
    path = folder / "campaign.yaml"
    path.write_text(yaml.safe_dump(GOOD | changes))
    return load_campaign(path)


def refusal(folder: Path, **changes: Any) -> str:
    with pytest.raises(CampaignError) as caught:
        load(folder, **changes)
    message = str(caught.value)
    assert "\n" not in message
    assert str(folder / "campaign.yaml") in message
    return message


def refusal_of_text(folder: Path, content: bytes) -> str:
    path = folder / "campaign.yaml"
    path.write_bytes(content)
    with pytest.raises(CampaignError) as caught:
        load_campaign(path)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_a_short_file_gets_the_defaults(tmp_path: Path) -> None:
    campaign = load(tmp_path)
    assert campaign.electrolytes == GOOD["electrolytes"]
    assert (campaign.alloys, campaign.screen, campaign.preset) == (
        "equilibrium",
        "sevennet",
        "quick",
    )
    assert campaign.excluded_phases == []


def test_every_choice_can_be_made(tmp_path: Path) -> None:
    campaign = load(
        tmp_path,
        alloys="hull",
        max_atoms=50,
        excluded_phases=["LiMg3-123"],
        interphase={"grain_diameter_nm": 20, "tunnelling_length_nm": 0.5},
        screen="emt",
        preset="standard",
        gates={"max_strain": 0.05, "accept_unconverged": True},
        weights={"wetting_ratio": 1, "migration_barrier": 0},
    )
    assert campaign.interphase.grain_diameter_nm == 20
    assert campaign.gates.max_strain == 0.05
    assert campaign.weights.migration_barrier == 0
    assert Campaign.model_validate(campaign.model_dump()) == campaign


def test_a_misspelt_key_is_named_with_the_valid_ones(tmp_path: Path) -> None:
    message = refusal(tmp_path, electrolites=["Li6PS5Cl"])
    assert "unknown key 'electrolites'" in message
    for key in Campaign.model_fields:
        assert key in message.split("valid:")[1]


@pytest.mark.parametrize(
    ("section", "key", "valid"),
    [
        ("gates", "max_strian", "max_strain"),
        ("weights", "weting", "wetting_ratio"),
        ("interphase", "grain_nm", "grain_diameter_nm"),
    ],
)
def test_a_misspelt_key_of_a_section_is_named(
    tmp_path: Path, section: str, key: str, valid: str
) -> None:
    message = refusal(tmp_path, **{section: {key: 1}})
    assert f"unknown key '{section}.{key}'" in message
    assert valid in message.split("valid:")[1]
    assert "electrolytes" not in message.split("valid:")[1]


@pytest.mark.parametrize("key", GOOD)
def test_a_missing_key_is_named(tmp_path: Path, key: str) -> None:
    path = tmp_path / "campaign.yaml"
    path.write_text(yaml.safe_dump({k: v for k, v in GOOD.items() if k != key}))
    with pytest.raises(CampaignError, match=f"the key '{key}' is missing"):
        load_campaign(path)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"metals": ["Mg", "Xx"]}, ["metals", "'Xx' is not an element symbol"]),
        ({"metals": ["mg"]}, ["'mg' is not an element symbol"]),
        ({"metals": []}, ["metals", "at least 1"]),
        ({"metals": "Mg"}, ["metals", "'Mg'"]),
        ({"metals": [False]}, ["metals.0", "False"]),
        ({"electrolytes": []}, ["electrolytes", "at least 1"]),
        ({"electrolytes": ["Li6PS5Xq"]}, ["electrolytes", "unknown element 'Xq'"]),
        ({"electrolytes": ["lithium sulfide"]}, ["'lithium sulfide' is not a formula"]),
        ({"electrolytes": ["Li2S +"]}, ["'Li2S +' is not a formula"]),
        ({"electrolytes": ["-4 Li6PS5Cl + Li2S"]}, ["ratio -4", "is not positive"]),
        ({"electrolytes": ["0 Li6PS5Cl + Li2S"]}, ["ratio 0", "is not positive"]),
        ({"name": "a/b"}, ["name", "'a/b'"]),
        ({"alloys": "all"}, ["alloys", "'equilibrium' or 'hull'", "'all'"]),
        ({"preset": "fast"}, ["preset", "'quick' or 'standard'"]),
        ({"max_atoms": 0}, ["max_atoms", "greater than 0", "got 0"]),
        ({"max_atoms": "many"}, ["max_atoms", "'many'"]),
        ({"gates": {"max_strain": -0.1}}, ["gates.max_strain", "-0.1"]),
        ({"weights": {"wetting_ratio": -1}}, ["weights.wetting_ratio", "-1"]),
        ({"interphase": {"grain_diameter_nm": 0}}, ["interphase.grain_diameter_nm"]),
        ({"gates": 3}, ["gates", "got 3"]),
    ],
)
def test_a_wrong_value_is_named(tmp_path: Path, changes: dict[str, Any], words: list[str]) -> None:
    message = refusal(tmp_path, **changes)
    for word in words:
        assert word in message


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    for path in (tmp_path / "missing.yaml", tmp_path):
        with pytest.raises(CampaignError, match=f"cannot read the campaign file {path}"):
            load_campaign(path)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"name: [unclosed\nmetals: }", "is not YAML"),
        (b"name: a\n\tmetals: b", "is not YAML"),
        (b"\xff\xfe\x00name", "is not YAML"),
        (b"", "holds no keys; a campaign needs name, electrolytes, metals"),
        (b"# only a comment\n", "holds no keys"),
        (b"- Li6PS5Cl\n- Li2S\n", "holds no keys"),
        (b"Li6PS5Cl", "holds no keys"),
    ],
)
def test_what_is_no_campaign_is_one_line(tmp_path: Path, content: bytes, message: str) -> None:
    assert message in refusal_of_text(tmp_path, content)


def test_two_stages_and_further_properties(tmp_path: Path) -> None:
    plain = load(tmp_path)
    assert (plain.refine, plain.top, plain.phonons, plain.elastic) == (None, 5, False, False)
    asked = load(tmp_path, screen="emt", refine="vasp", top=3, phonons=True, elastic=True)
    assert (asked.screen, asked.refine, asked.top) == ("emt", "vasp", 3)
    assert asked.phonons
    assert asked.elastic


def test_the_second_engine_is_another_one(tmp_path: Path) -> None:
    message = refusal(tmp_path, screen="emt", refine="emt")
    assert "refine: refine has to name another engine than screen (got 'emt')" in message
    # sevennet is the default of screen.
    assert "another engine" in refusal(tmp_path, refine="sevennet")


def test_wrong_values_of_the_second_stage_are_named(tmp_path: Path) -> None:
    assert "top: Input should be greater than 0 (got 0)" in refusal(tmp_path, top=0)
    assert "phonons: Input should be a valid boolean" in refusal(tmp_path, phonons="some")
    message = refusal(tmp_path, engine="emt")
    assert "unknown key 'engine'; valid: " in message
    assert "screen, refine, top, phonons, elastic" in message


def test_unknown_engines_of_either_stage_are_refused_with_the_valid_names(tmp_path: Path) -> None:
    for key in ("screen", "refine"):
        with pytest.raises(UnknownEngineError, match="unknown engine 'sevenet'; valid: emt, seve"):
            check_engines(load(tmp_path, **{key: "sevenet"}))
    check_engines(load(tmp_path, screen="emt", refine="gpaw-fast"))
