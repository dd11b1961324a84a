"""Checks of what a screening reads: campaign file, Materials Project key, cache or service."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from misei.launchers.doctor.findings import Finding, failed, ok, skipped, warning
from misei.screening.campaign import Campaign
from misei.settings import Settings

KEY_PAGE = "https://materialsproject.org/api"
KEY_LENGTH = 32  # as mp-api demands
KNOWN_MATERIAL = "mp-135"  # Li


def check_campaign(path: Path, campaign: Campaign | Exception) -> Iterator[Finding]:
    """Say whether a campaign file could be read, and what it asks for."""
    if isinstance(campaign, Exception):
        yield failed("campaign", str(campaign), f"mend {path}; examples/quick.yaml is a model")
        return
    yield ok(
        "campaign",
        f"{campaign.name}: {len(campaign.electrolytes)} electrolytes, {len(campaign.metals)} "
        f"metals, {_stages(campaign)}, source {campaign.source}",
    )


def _stages(campaign: Campaign) -> str:
    refined = f", top {campaign.top} by {campaign.refine}" if campaign.refine else ""
    return f"screened by {campaign.screen}{refined}"


def check_key(settings: Settings, online: bool, needed: bool) -> Iterator[Finding]:
    """Look for the key of the Materials Project, and on request whether the service takes it.

    ``needed`` says whether runs ask the service.
    """
    where, key = _key(settings)
    if not key:
        to_do = f"set MISEI_MP_API_KEY to yours from {KEY_PAGE}"
        if needed:
            yield failed("Materials Project key", "none, and the source is mp", to_do)
        else:
            yield skipped("Materials Project key", "none; `misei mp sync` would need one", to_do)
        return
    if len(key) != KEY_LENGTH:
        found = f"{where} holds {len(key)} characters; a key has {KEY_LENGTH}"
        yield failed("Materials Project key", found, f"copy it anew from {KEY_PAGE}")
        return
    yield ok("Materials Project key", f"in {where}")
    if online or needed:
        yield _service(settings)
    else:
        found = "not asked: the source needs no network"
        yield skipped("Materials Project", found, "--online asks it")


def _key(settings: Settings) -> tuple[str, str]:
    """Return where the key is, and the key; looked up as misei and mp-api do."""
    if settings.mp_api_key is not None:
        return "MISEI_MP_API_KEY", settings.mp_api_key.get_secret_value()
    if key := os.environ.get("MP_API_KEY"):
        return "MP_API_KEY", key
    from pymatgen.core import SETTINGS

    return "PMG_MAPI_KEY (pymatgen's settings)", str(SETTINGS.get("PMG_MAPI_KEY") or "")


def _service(settings: Settings) -> Finding:
    from misei.screening.materials_project.client import ENDPOINT, MaterialsProject
    from misei.screening.materials_project.errors import MaterialsProjectError

    endpoint = settings.mp_endpoint or ENDPOINT
    try:
        service = MaterialsProject(settings.mp_thermo_type, endpoint, settings.mp_api_key)
        database_version = service.database_version()
        service.chemical_system_of(KNOWN_MATERIAL)
    except MaterialsProjectError as error:
        return failed("Materials Project", str(error), "do as it says")
    return ok("Materials Project", f"{endpoint} takes the key, database {database_version}")


def check_cache(settings: Settings, campaign: Campaign | None) -> Iterator[Finding]:
    """Say what the cache of Materials Project data holds, and whether a campaign has all in it."""
    from misei.screening.materials_project.cache import cached_folders

    source = campaign.source if campaign else settings.source
    folder = settings.mp_cache_dir
    parts = cached_folders(folder)
    held = ", ".join(
        f"{part.thermo_type} {part.database_version}: {len(part.systems())} systems"
        for part in parts
    )
    if source != "mp-cache":
        found = f"{folder}: {held or 'nothing fetched'} (the source is {source})"
        yield (
            ok("Materials Project cache", found)
            if held
            else skipped("Materials Project cache", found)
        )
    elif not held:
        yield failed(
            "Materials Project cache",
            f"{folder}: nothing fetched, and the source is mp-cache",
            "misei mp sync FORMULA... where there is network, then copy the folder here; or set "
            "MISEI_MP_CACHE_DIR",
        )
    else:
        yield _coverage(campaign, f"{folder}: {held}")


def _coverage(campaign: Campaign | None, held: str) -> Finding:
    """Whether every chemical system that a campaign asks for was fetched."""
    from misei.launchers.sources import open_source
    from misei.screening.chemical_systems import system_against_li
    from misei.screening.entries import MissingDataError
    from misei.screening.materials_project.cache import CacheError

    try:
        source = open_source("mp-cache")
        electrolytes = campaign.electrolytes if campaign else []
        systems = [system_against_li(electrolyte) for electrolyte in electrolytes]
        systems += [system_against_li(metal) for metal in (campaign.metals if campaign else [])]
        for system in systems:
            source.entries(system.split("-"))
    except (CacheError, MissingDataError) as error:
        return failed("Materials Project cache", str(error), "do as it says")
    if campaign is None:
        return warning(
            "Materials Project cache", held, "name your --campaign to see whether all is there"
        )
    return ok("Materials Project cache", f"{held}; all that {campaign.name} asks for is there")
