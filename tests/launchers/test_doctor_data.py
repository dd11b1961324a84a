from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from mp_server import KEY
from pydantic import SecretStr

from misei.launchers.doctor.data import check_cache, check_campaign, check_key
from misei.launchers.mp import sync_systems
from misei.screening.campaign import Campaign, CampaignError
from misei.settings import Settings

if TYPE_CHECKING:
    from mp_server import Service

WRONG_KEY = "f" * 32


@pytest.fixture(autouse=True)
def no_key(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("MP_API_KEY", "MISEI_MP_API_KEY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr("pymatgen.core.SETTINGS", {})


@pytest.fixture
def settings(service: Service, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """Settings of the local service and an empty cache."""
    monkeypatch.setenv("MISEI_MP_ENDPOINT", service.url)
    monkeypatch.setenv("MISEI_MP_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setenv("MISEI_MP_API_KEY", KEY)
    return Settings()


def campaign(source: str = "mp-cache") -> Campaign:
    return Campaign(name="x", electrolytes=["Li2S"], metals=["P"], source=source)


def test_campaign() -> None:
    (found,) = check_campaign(Path("x.yaml"), campaign())
    assert (found.state, "source mp-cache" in found.found) == ("ok", True)
    (found,) = check_campaign(Path("x.yaml"), CampaignError("x.yaml: unknown key 'metal'"))
    assert (found.state, "'metal'" in found.found, "x.yaml" in found.to_do) == (
        "failed", True, True,
    )  # fmt: skip


@pytest.mark.parametrize(("needed", "state"), [(True, "failed"), (False, "skipped")])
def test_no_key(needed: bool, state: str) -> None:
    (found,) = check_key(Settings(), online=False, needed=needed)
    assert (found.state, "MISEI_MP_API_KEY" in found.to_do) == (state, True)


def test_key_of_the_wrong_length(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MP_API_KEY", "tooshort")
    (found,) = check_key(Settings(), online=True, needed=False)
    assert (found.state, found.found) == ("failed", "MP_API_KEY holds 8 characters; a key has 32")


@pytest.mark.parametrize(
    ("name", "shown"), [("MISEI_MP_API_KEY", "MISEI_MP_API_KEY"), ("MP_API_KEY", "MP_API_KEY")]
)
def test_which_variable_holds_the_key(
    name: str, shown: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(name, KEY)
    key, service = check_key(Settings(), online=False, needed=False)
    assert (key.state, key.found) == ("ok", f"in {shown}")
    assert (service.state, "--online" in service.to_do) == ("skipped", True)


def test_key_in_the_settings_of_pymatgen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pymatgen.core.SETTINGS", {"PMG_MAPI_KEY": KEY})
    key, _ = check_key(Settings(), online=False, needed=False)
    assert (key.state, "PMG_MAPI_KEY" in key.found) == ("ok", True)


def test_service_takes_the_key(settings: Settings, service: Service) -> None:
    _, found = check_key(settings, online=True, needed=False)
    assert (found.state, service.version in found.found) == ("ok", True)


def test_service_refuses_the_key(settings: Settings) -> None:
    wrong = settings.model_copy(update={"mp_api_key": SecretStr(WRONG_KEY)})
    _, found = check_key(wrong, online=False, needed=True)
    assert (found.state, "check the API key" in found.found) == ("failed", True)
    assert WRONG_KEY not in found.found


def test_service_is_not_there() -> None:
    nowhere = Settings(mp_endpoint="http://127.0.0.1:9/", mp_api_key=SecretStr(KEY))
    _, found = check_key(nowhere, online=True, needed=False)
    assert (found.state, "no connection" in found.found) == ("failed", True)


def test_empty_cache(tmp_path: Path) -> None:
    settings = Settings(mp_cache_dir=tmp_path)
    (found,) = check_cache(settings, campaign("bundled"))
    assert (found.state, "nothing fetched" in found.found) == ("skipped", True)
    (found,) = check_cache(settings, campaign())
    assert (found.state, "misei mp sync" in found.to_do) == ("failed", True)


def test_cache_against_a_campaign(settings: Settings) -> None:
    sync_systems(["Li-S"], None, None)
    (found,) = check_cache(settings, None)
    assert (found.state, "3 systems" in found.found) == ("ok", True)
    (found,) = check_cache(settings.model_copy(update={"source": "mp-cache"}), None)
    assert (found.state, "--campaign" in found.to_do) == ("warning", True)
    (found,) = check_cache(settings, campaign())
    assert (found.state, "misei mp sync --chemsys Li-P" in found.found) == ("failed", True)
    sync_systems(["Li-P"], None, None)
    (found,) = check_cache(settings, campaign())
    assert (found.state, "all that x asks for" in found.found) == ("ok", True)
