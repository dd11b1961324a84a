"""The sources of thermodynamic entries by name."""

from __future__ import annotations

from pathlib import Path

from pydantic import SecretStr

from misei.screening.entries import BundledSource, EntrySource
from misei.screening.materials_project.cached_source import open_cache
from misei.screening.materials_project.client import (
    DEFAULT_THERMO_TYPE,
    ENDPOINT,
    MaterialsProject,
)
from misei.screening.materials_project.live_source import LiveSource

SOURCE_NAMES = ("bundled", "mp", "mp-cache")


class UnknownSourceError(ValueError):
    """A source of entries that misei does not know."""


def get_source(
    name: str,
    cache_dir: Path | str,
    *,
    thermo_type: str = DEFAULT_THERMO_TYPE,
    version: str | None = None,
    endpoint: str | None = None,
    api_key: SecretStr | None = None,
) -> EntrySource:
    """Return a source of entries by its name.

    Parameters
    ----------
    name
        ``bundled``: the set that comes with misei. ``mp``: the Materials Project, live.
        ``mp-cache``: what was fetched of it, without network.
    cache_dir
        Cache of Materials Project data.
    thermo_type
        Of the Materials Project, by name.
    version
        Of the database, for ``mp-cache``; the newest one in the cache by default.
    endpoint, api_key
        For ``mp``: base URL and key; by default the public service, and the key that mp-api
        finds in ``MP_API_KEY`` or in pymatgen's settings.

    Raises
    ------
    UnknownSourceError, ThermoTypeError
        Name the valid ones.
    CacheError
        For ``mp-cache`` when nothing was fetched.
    """
    if name == "bundled":
        return BundledSource()
    if name == "mp":
        return LiveSource(
            MaterialsProject(thermo_type, endpoint or ENDPOINT, api_key), Path(cache_dir)
        )
    if name == "mp-cache":
        return open_cache(Path(cache_dir), thermo_type, version)
    raise UnknownSourceError(f"unknown source {name!r}; valid: {', '.join(SOURCE_NAMES)}")
