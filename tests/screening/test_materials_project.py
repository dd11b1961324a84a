from __future__ import annotations

import socket
from typing import TYPE_CHECKING, Any

import pytest
from mp_server import KEY, VERSION, numbers
from pydantic import SecretStr

from misei.screening.entries import BundledSource
from misei.screening.materials_project import client as materials_project
from misei.screening.materials_project.client import MaterialsProject
from misei.screening.materials_project.errors import (
    ApiKeyError,
    ConnectionFailedError,
    DatabaseChangedError,
    MaterialsProjectError,
    RateLimitError,
    ServerError,
    ThermoTypeError,
)

if TYPE_CHECKING:
    from mp_server import Service

SYSTEMS = ["Li", "P", "S", "Li-P", "Li-S", "P-S", "Li-P-S", "Cl-Xe"]


def project(service: Service, **changes: Any) -> MaterialsProject:
    return MaterialsProject(**{"endpoint": service.url, "api_key": SecretStr(KEY), **changes})


def fails_with(kind: type[MaterialsProjectError], server: MaterialsProject) -> str:
    """Message of the error of a fetch: one line that does not hold the key."""
    with pytest.raises(kind) as caught:
        server.fetch(SYSTEMS, server.database_version())
    assert type(caught.value) is kind
    message = str(caught.value)
    assert KEY not in message
    assert "\n" not in message
    return message


def _entry_ids(document: dict[str, Any]) -> list[str]:
    return [entry["entry_id"] for entry in document["entries"].values()]


def test_entries_are_those_of_the_database(service: Service) -> None:
    found = project(service).fetch(SYSTEMS, VERSION)
    assert {system: len(entries) for system, entries in found.items()} == numbers(SYSTEMS)
    assert found["Cl-Xe"] == []
    bundled = BundledSource().find("Li3PS4")[0]
    same = [e for e in found["Li-P-S"] if e.data["formula"] == "Li3PS4"]
    entry = min(same, key=lambda e: e.energy_per_atom)
    assert entry.energy == pytest.approx(bundled.energy)
    assert entry.correction == pytest.approx(bundled.correction)
    assert entry.correction < 0
    assert entry.structure == bundled.structure
    assert entry.data["volume"] == pytest.approx(bundled.structure.volume)
    assert entry.data["band_gap"] == 2.0
    (document,) = (d for d in service.thermo if entry.entry_id in _entry_ids(d))
    assert entry.data["e_above_hull"] == document["energy_above_hull"]
    assert entry.data["thermo_type"] == "GGA_GGA+U"


def test_ids_are_written_as_the_website_writes_them(service: Service) -> None:
    assert all(d["material_id"].removeprefix("mp-").isalpha() for d in service.thermo)
    (entry,) = project(service).fetch(["Li-P-S"], VERSION)["Li-P-S"][:1]
    assert entry.data["material_id"].removeprefix("mp-").isdigit()
    assert entry.entry_id == f"{entry.data['material_id']}-GGA"


def test_pages_are_put_together(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = project(service).fetch(SYSTEMS, VERSION)
    monkeypatch.setattr(materials_project, "PAGE_SIZE", 3)
    service.requests.clear()
    assert project(service).fetch(SYSTEMS, VERSION) == whole
    assert {q["_skip"] for _, q in service.requests if "_skip" in q} >= {"3", "6"}


def test_a_short_page_is_not_taken_for_all(service: Service) -> None:
    service.longest_page = 5
    total = sum(numbers(SYSTEMS).values())
    assert f"has {total} entries" in fails_with(ServerError, project(service))


def test_a_material_without_band_gap_costs_no_other_its_own(service: Service) -> None:
    for document in service.summary:
        if document["chemsys"] == "Li":
            del document["band_gap"], document["is_metal"]
    service.summary.sort(key=lambda document: "band_gap" in document)
    found = project(service).fetch(["Li", "Li-S"], VERSION)
    assert {entry.data["band_gap"] for entry in found["Li"]} == {None}
    assert {entry.data["band_gap"] for entry in found["Li-S"]} == {2.0}


def test_deprecated_materials_and_duplicates_are_left_out(service: Service) -> None:
    lithium = [d for d in service.thermo if d["chemsys"] == "Li" and d["thermo_type"] != "r2SCAN"]
    lithium[0]["deprecated"] = True
    service.thermo += lithium[1:]
    ids = [entry.entry_id for entry in project(service).fetch(["Li"], VERSION)["Li"]]
    assert len(ids) == len(set(ids)) == numbers(["Li"])["Li"] - 1


@pytest.mark.parametrize("status", [401, 403])
def test_refused_key(service: Service, status: int) -> None:
    service.status = status
    assert "MISEI_MP_API_KEY" in fails_with(ApiKeyError, project(service))


def test_wrong_key(service: Service) -> None:
    assert "403" in fails_with(ApiKeyError, project(service, api_key=SecretStr("f" * 32)))


def test_key_of_the_wrong_length(service: Service) -> None:
    assert "32 characters" in fails_with(ApiKeyError, project(service, api_key=SecretStr("ab")))


def test_no_key(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    from pymatgen.core import SETTINGS

    monkeypatch.delenv("MP_API_KEY", raising=False)
    monkeypatch.delitem(SETTINGS, "PMG_MAPI_KEY", raising=False)
    assert "no API key" in fails_with(ApiKeyError, project(service, api_key=None))
    monkeypatch.setenv("MP_API_KEY", KEY)
    assert project(service, api_key=None).fetch(["Li"], VERSION)["Li"]


def test_rate_limit(service: Service) -> None:
    service.status = 429
    assert "wait" in fails_with(RateLimitError, project(service))


@pytest.mark.parametrize("status", [500, 502, 503, 504])
def test_failing_server(service: Service, status: int) -> None:
    service.status = status
    assert str(status) in fails_with(ServerError, project(service))


def test_heartbeat_that_fails(service: Service) -> None:
    service.heartbeat_status = 503
    assert "503" in fails_with(ServerError, project(service))


def test_a_web_page_in_place_of_an_answer(service: Service) -> None:
    service.text = "<html>Sign in to the network of this hotel</html>"
    assert "cannot be used" in fails_with(ServerError, project(service))


def test_documents_that_are_not_as_expected(service: Service) -> None:
    for document in service.thermo:
        del document["energy_above_hull"]
    assert "energy_above_hull" in fails_with(ServerError, project(service))


def test_connection_refused() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        endpoint = f"http://127.0.0.1:{free.getsockname()[1]}"
    server = MaterialsProject(endpoint=endpoint, api_key=SecretStr(KEY))
    assert "Connection refused;" in fails_with(ConnectionFailedError, server)


def test_no_answer_in_time(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(materials_project, "TIMEOUT_S", 0.1)
    service.delay_s = 0.4
    assert "in time" in fails_with(ConnectionFailedError, project(service))


def test_database_that_changes_meanwhile(service: Service) -> None:
    server = project(service)
    version = server.database_version()
    service.version = "2025.10.01"
    with pytest.raises(DatabaseChangedError, match=r"2025\.09\.25 to 2025\.10\.01"):
        server.fetch(SYSTEMS, version)


@pytest.mark.parametrize("thermo_type", ["GGA", "GGA_GGA+U_R2SCAN", "UNKNOWN"])
def test_thermo_type_that_cannot_be_used(thermo_type: str) -> None:
    with pytest.raises(ThermoTypeError, match=r"valid are GGA_GGA\+U, R2SCAN") as caught:
        MaterialsProject(thermo_type)
    assert thermo_type in str(caught.value)


def test_thermo_types_are_told_apart(service: Service) -> None:
    corrected = project(service).fetch(["Li-S"], VERSION)["Li-S"]
    raw = project(service, thermo_type="R2SCAN").fetch(["Li-S"], VERSION)["Li-S"]
    assert {entry.entry_id for entry in raw}.isdisjoint(entry.entry_id for entry in corrected)
    assert all(entry.correction == 0 for entry in raw)
    asked = {query["thermo_types"] for _, query in service.requests if "thermo_types" in query}
    assert asked == {"GGA_GGA+U", "r2SCAN"}


def test_documents_of_another_thermo_type_are_refused(service: Service) -> None:
    service.ignored = {"thermo_types"}
    assert "gave r2SCAN" in fails_with(ServerError, project(service))


def test_the_system_of_a_material(service: Service) -> None:
    document = next(d for d in service.thermo if d["chemsys"] == "Li-P-S")
    server = project(service)
    assert server.chemical_system_of(document["material_id"]) == "Li-P-S"
    assert server.chemical_system_of("mp-1") is None


def test_the_key_is_never_shown() -> None:
    assert KEY not in repr(MaterialsProject(api_key=SecretStr(KEY)))
