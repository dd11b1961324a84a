"""Which source of thermodynamic entries a command reads, from its options and the settings."""

from __future__ import annotations

from misei.screening.entries import EntrySource
from misei.screening.sources import get_source
from misei.settings import Settings


def open_source(name: str | None = None) -> EntrySource:
    """Return the source of this name, by default the one of the settings (``MISEI_SOURCE``)."""
    settings = Settings()
    return get_source(
        name or settings.source,
        settings.mp_cache_dir,
        thermo_type=settings.mp_thermo_type,
        endpoint=settings.mp_endpoint,
        api_key=settings.mp_api_key,
    )
