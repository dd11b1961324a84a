from __future__ import annotations

import gzip
import json
import os
import pickle
import shutil
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from mp_server import ELEMENTS, KEY, VERSION, numbers
from pydantic import SecretStr
from pymatgen.entries.computed_entries import ComputedStructureEntry

from misei.screening.chemical_systems import subsystems
from misei.screening.entries import BundledSource, EntrySource, MissingDataError
from misei.screening.materials_project import live_source as mp_live
from misei.screening.materials_project import sync as mp_sync
from misei.screening.materials_project.cache import (
    CacheError,
    CacheFolder,
    cached_folders,
    cached_versions,
    version_order,
)
from misei.screening.materials_project.cached_source import CachedSource, open_cache
from misei.screening.materials_project.client import MaterialsProject
from misei.screening.materials_project.errors import (
    DatabaseChangedError,
    NoDataError,
    RateLimitError,
    ThermoTypeError,
)
from misei.screening.materials_project.live_source import LiveSource
from misei.screening.materials_project.sync import check_elements_found, sync
from misei.screening.sources import UnknownSourceError, get_source
from misei.screening.thermodynamics import reduce

if TYPE_CHECKING:
    from mp_server import Service

LPSC = subsystems(["Li", "P", "S", "Cl"])
POTENTIAL_TOLERANCE = 1e-6  # V, what is left after rounding


def project(service: Service, **changes: Any) -> MaterialsProject:
    return MaterialsProject(**{"endpoint": service.url, "api_key": SecretStr(KEY), **changes})


def test_sync_fetches_everything_once(service: Service, tmp_path: Path) -> None:
    report = sync(project(service), tmp_path, LPSC)
    assert report.fetched == numbers(LPSC)
    assert sorted(service.fetched_systems()) == sorted(LPSC)
    again = sync(project(service), tmp_path, subsystems(ELEMENTS))
    assert sorted(again.present) == sorted(LPSC)
    assert sorted(service.fetched_systems()) == sorted(subsystems(ELEMENTS))
    assert again.done == again.total == 2 ** len(ELEMENTS) - 1


def test_an_empty_system_is_a_file_too(service: Service, tmp_path: Path) -> None:
    sync(project(service), tmp_path, ["Cl-Xe"])
    folder = CacheFolder(tmp_path, "GGA_GGA+U", VERSION)
    assert folder.holds("Cl-Xe")
    assert folder.entries("Cl-Xe") == ()


def test_a_file_says_what_it_holds(service: Service, tmp_path: Path) -> None:
    sync(project(service), tmp_path, ["Li-S"])
    path = tmp_path / "GGA_GGA+U" / VERSION / "Li-S.json.gz"
    document = json.loads(gzip.decompress(path.read_bytes()))
    header = document["header"]
    assert header["thermo_type"] == "GGA_GGA+U"
    assert header["database_version"] == VERSION
    assert header["entries"] == len(document["entries"]) == numbers(["Li-S"])["Li-S"]
    assert {"fetched_at", "misei_version", "mp_api_version"} <= set(header)
    assert KEY not in json.dumps(document)


def test_cached_entries_are_those_fetched(service: Service, tmp_path: Path) -> None:
    (fetched,) = project(service).fetch(["Li-S"], VERSION)["Li-S"][:1]
    sync(project(service), tmp_path, ["Li-S"])
    cached = next(e for e in open_cache(tmp_path).find("Li2S") if e.entry_id == fetched.entry_id)
    assert cached == fetched
    assert cached.energy == fetched.energy
    assert cached.correction == fetched.correction
    assert cached.structure == fetched.structure
    assert cached.parameters == fetched.parameters
    assert cached.data == {**fetched.data, "is_metallic": False}
    # Outside the cache it is an ordinary entry.
    assert type(ComputedStructureEntry.from_dict(cached.as_dict())) is ComputedStructureEntry
    assert pickle.loads(pickle.dumps(cached)).structure == fetched.structure


def window(source: EntrySource, formula: str) -> tuple[float, float | None, dict[str, float]]:
    document = reduce(formula, source)
    return document.reduction_potential, document.oxidation_potential, document.products_0V


@pytest.mark.parametrize("formula", ["Li6PS5Cl", "Li3PS4", "4 Li6PS5Cl + Li10GeP2S12"])
def test_reduction_on_the_cache_is_that_on_the_data(
    service: Service, tmp_path: Path, formula: str
) -> None:
    sync(project(service), tmp_path, subsystems(ELEMENTS))
    low, high, products = window(open_cache(tmp_path), formula)
    expected_low, expected_high, expected_products = window(BundledSource(), formula)
    assert low == pytest.approx(expected_low, abs=POTENTIAL_TOLERANCE)
    assert high == pytest.approx(expected_high, abs=POTENTIAL_TOLERANCE)
    assert sorted(products.values()) == pytest.approx(sorted(expected_products.values()))


def test_results_carry_version_and_protocol(service: Service, tmp_path: Path) -> None:
    sync(project(service), tmp_path, LPSC)
    source = reduce("Li6PS5Cl", open_cache(tmp_path)).source
    assert source["name"] == "Materials Project"
    assert VERSION in source["version"]
    assert "GGA_GGA+U" in source["protocol"]


def test_metals_have_no_gap(service: Service, tmp_path: Path) -> None:
    for document in service.summary:
        if document["chemsys"] == "Li":
            del document["band_gap"]
    sync(project(service), tmp_path, ["Li", "Li-S", "Ge", "Ge-Li"])
    source = open_cache(tmp_path)
    for formula, metallic in {"Li": True, "Li2S": False, "Ge": True, "Li15Ge4": True}.items():
        entry = source.find(formula)[0]
        assert source.is_metallic(entry) is metallic
        assert entry.data["band_gap"] == {"Li": None, "Li2S": 2.0}.get(formula, 0.0)


def test_what_is_missing_is_named_with_the_command(service: Service, tmp_path: Path) -> None:
    sync(project(service), tmp_path, ["Li", "S", "Li-S"])
    source = open_cache(tmp_path)
    with pytest.raises(MissingDataError, match="P, Li-P, P-S, Li-P-S; run `misei mp sync"):
        reduce("Li3PS4", source)
    with pytest.raises(MissingDataError, match="--chemsys Li-P`"):
        source.find("Li3P")


def test_find_by_id_and_formula(service: Service, tmp_path: Path) -> None:
    sync(project(service), tmp_path, LPSC)
    source = open_cache(tmp_path)
    entry = source.find("Li3PS4")[0]
    material_id = entry.data["material_id"]
    (document,) = (d for d in service.summary if d["material_id"].endswith(_letters(material_id)))
    for name in (material_id, entry.entry_id, document["material_id"]):
        assert source.find(str(name)) == [entry]
    assert source.find("mp-1") == []
    assert source.find("not a phase") == []


def _letters(material_id: str) -> str:
    from emmet.core.mpid import AlphaID

    return str(AlphaID(material_id).padded)


def test_a_new_version_gets_a_new_folder(service: Service, tmp_path: Path) -> None:
    assert sync(project(service), tmp_path, ["Li", "S"]).previous_version is None
    service.version = "2025.10.01"
    report = sync(project(service), tmp_path, ["Li"])
    assert report.previous_version == VERSION
    assert list(report.fetched) == ["Li"]
    assert cached_versions(tmp_path, "GGA_GGA+U") == [VERSION, "2025.10.01"]
    assert open_cache(tmp_path).folder.database_version == "2025.10.01"
    old = open_cache(tmp_path, version=VERSION)
    assert old.find("S")
    with pytest.raises(MissingDataError, match=r"2025\.10\.01"):
        open_cache(tmp_path).find("S")
    with pytest.raises(CacheError, match=r"2024\.1\.1.*versions there: 2025\.09\.25"):
        open_cache(tmp_path, version="2024.1.1")


def test_versions_in_order() -> None:
    ordered = [
        "nightly", "2021_11_10", "2022.10.28", "2022.10.28.post1", "2025.09.25", "2025.10.1",
        "2025.10.01.post2", "2025.10.01.post10",
    ]  # fmt: skip
    backwards = ordered[::-1]
    assert sorted(backwards, key=version_order) == ordered


def test_a_version_that_is_no_folder_name_is_refused(service: Service, tmp_path: Path) -> None:
    service.version = "../../elsewhere"
    with pytest.raises(CacheError, match="elsewhere"):
        sync(project(service), tmp_path, ["Li"])


def test_files_of_another_version_system_or_type_are_refused(
    service: Service, tmp_path: Path
) -> None:
    sync(project(service), tmp_path, ["Li", "S"])
    folder = CacheFolder(tmp_path, "GGA_GGA+U", VERSION)
    for moved in (
        CacheFolder(tmp_path, "GGA_GGA+U", "2030.1.1"),
        CacheFolder(tmp_path, "R2SCAN", VERSION),
    ):
        moved.path.mkdir(parents=True)
        shutil.copyfile(folder.file("Li"), moved.file("Li"))
        with pytest.raises(CacheError, match=r"holds Li, GGA_GGA\+U, 2025\.09\.25"):
            CachedSource(moved).find("Li")
    shutil.copyfile(folder.file("Li"), folder.file("P"))
    with pytest.raises(CacheError, match="where its place says P"):
        CachedSource(folder).find("P")


@pytest.mark.parametrize("kept", [0, 40, -5])
def test_a_damaged_file_is_named(service: Service, tmp_path: Path, kept: int) -> None:
    sync(project(service), tmp_path, ["Li"])
    source = open_cache(tmp_path)
    path = source.folder.file("Li")
    path.write_bytes(path.read_bytes()[:kept])
    with pytest.raises(CacheError, match=r"Li\.json\.gz cannot be read"):
        source.find("Li")


def test_thermo_types_are_kept_apart(service: Service, tmp_path: Path) -> None:
    sync(project(service), tmp_path, ["Li-S"])
    sync(project(service, thermo_type="R2SCAN"), tmp_path, ["Li-S"])
    corrected, raw = (open_cache(tmp_path, t).find("Li2S")[0] for t in ("GGA_GGA+U", "R2SCAN"))
    assert corrected.entry_id != raw.entry_id
    assert corrected.energy < raw.energy
    with pytest.raises(ThermoTypeError, match="pbe"):
        open_cache(tmp_path, "pbe")


def test_left_over_temporaries_are_ignored_and_removed(service: Service, tmp_path: Path) -> None:
    sync(project(service), tmp_path, ["Li"])
    folder = open_cache(tmp_path).folder
    old, new = (folder.path / f".S.json.gz.{name}.tmp" for name in ("old", "new"))
    for file in (old, new):
        file.write_bytes(b"half")
    os.utime(old, (0, 0))
    assert folder.systems() == ["Li"]
    assert not folder.holds("S")
    sync(project(service), tmp_path, ["Li"])
    assert not old.exists()
    assert new.exists()


def test_a_failed_write_leaves_nothing(
    service: Service, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_space(source: object, target: object) -> None:
        raise OSError("no space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "replace", no_space)
        with pytest.raises(CacheError, match=r"cannot write .*Li\.json\.gz: no space"):
            sync(project(service), tmp_path, ["Li"])
    assert [file for file in tmp_path.rglob("*") if file.is_file()] == []


def test_what_was_fetched_before_an_error_stays(service: Service, tmp_path: Path) -> None:
    def limit_rate(report: mp_sync.SyncReport, system: str) -> None:
        service.status = 429

    systems = subsystems(ELEMENTS)
    with pytest.raises(RateLimitError):
        sync(project(service), tmp_path, systems, limit_rate)
    service.status = 200
    report = sync(project(service), tmp_path, systems)
    assert report.present == systems[: mp_sync.BATCH]
    assert sorted(report.fetched) == sorted(systems[mp_sync.BATCH :])


def test_a_database_that_changes_is_not_written(service: Service, tmp_path: Path) -> None:
    def change(report: mp_sync.SyncReport, system: str) -> None:
        service.version = "2025.10.01"

    systems = subsystems(ELEMENTS)
    with pytest.raises(DatabaseChangedError):
        sync(project(service), tmp_path, systems, change)
    assert open_cache(tmp_path).folder.systems() == sorted(systems[: mp_sync.BATCH])
    assert cached_versions(tmp_path, "GGA_GGA+U") == [VERSION]


def test_other_folders_and_files_are_no_matter(service: Service, tmp_path: Path) -> None:
    sync(project(service), tmp_path, ["Li"])
    (tmp_path / "GGA_GGA+U" / "2031.1.1").mkdir()
    (tmp_path / "GGA_GGA+U" / "my notes").mkdir()
    (tmp_path / "README.md").write_text("mine")
    (tmp_path / "GGA_GGA+U" / VERSION / "notes.json.gz").write_bytes(b"mine")
    assert cached_folders(tmp_path) == [open_cache(tmp_path).folder]
    assert open_cache(tmp_path).folder.systems() == ["Li"]


def test_concurrent_syncs_leave_whole_files(service: Service, tmp_path: Path) -> None:
    service.delay_s = 0.02
    threads = [
        threading.Thread(target=sync, args=(project(service), tmp_path, LPSC)) for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    folder = CacheFolder(tmp_path, "GGA_GGA+U", VERSION)
    assert {system: len(folder.entries(system)) for system in folder.systems()} == numbers(LPSC)
    assert list(folder.path.glob(".*")) == []


def test_elements_without_a_phase(service: Service, tmp_path: Path) -> None:
    systems = subsystems(["Li", "At"])
    report = sync(project(service), tmp_path, systems)
    folder = CacheFolder(tmp_path, report.thermo_type, report.database_version)
    with pytest.raises(NoDataError, match="no phase of At"):
        check_elements_found(folder, systems)
    assert "At" not in CachedSource(folder).elements
    assert "Li" in CachedSource(folder).elements


def test_live_source_fetches_what_is_missing_once(service: Service, tmp_path: Path) -> None:
    source = LiveSource(project(service), tmp_path)
    assert window(source, "Li6PS5Cl") == window(source, "Li6PS5Cl")
    assert sorted(service.fetched_systems()) == sorted(LPSC)
    assert sum(path == "heartbeat" for path, _ in service.requests) < len(LPSC)
    service.status = 500  # what is there needs no server any more
    assert window(source, "Li3PS4") == window(open_cache(tmp_path), "Li3PS4")
    assert source.version == open_cache(tmp_path).version
    assert source.protocol == open_cache(tmp_path).protocol


def test_live_source_finds_phases_it_has_not_fetched(service: Service, tmp_path: Path) -> None:
    source = LiveSource(project(service), tmp_path)
    (by_formula,) = source.find("LiCl")[:1]
    material_id = by_formula.data["material_id"]
    mp_live._version_of.cache_clear()
    elsewhere = LiveSource(project(service), tmp_path / "another")
    assert elsewhere.find(material_id)[0].entry_id == by_formula.entry_id
    assert elsewhere.find("mp-1") == []
    assert elsewhere.find("not a phase") == []


def test_exclusion_by_id(service: Service, tmp_path: Path) -> None:
    source = LiveSource(project(service), tmp_path)
    ids = [entry.data["material_id"] for entry in source.find("Li3P")]
    document = reduce("Li3PS4", source, excluded=ids)
    assert "Li3P" in reduce("Li3PS4", source).products_0V
    assert "Li3P" not in document.products_0V
    assert document.excluded_phases == ids


def test_sources_by_name(service: Service, tmp_path: Path) -> None:
    assert get_source("bundled", tmp_path) == BundledSource()
    with pytest.raises(CacheError, match="misei mp sync"):
        get_source("mp-cache", tmp_path)
    live = get_source("mp", tmp_path, endpoint=service.url, api_key=SecretStr(KEY))
    assert live.find("Li")
    cached = get_source("mp-cache", tmp_path, version=VERSION)
    assert cached.find("Li") == live.find("Li")
    assert len({live, cached, get_source("mp-cache", tmp_path)}) == 2
    with pytest.raises(UnknownSourceError, match="bundled, mp, mp-cache"):
        get_source("oqmd", tmp_path)
