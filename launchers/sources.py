"""Which source of thermodynamic entries a command reads, from its options and the settings."""

from __future__ import annotations

from typing import Any

from misei.launchers.machine import machine_settings
from misei.screening.entries import EntrySource
from misei.screening.sources import get_source


def open_source(name: str | None = None) -> EntrySource:
    """Return the source of this name, by default the one of the settings (``MISEI_SOURCE``)."""
    settings = machine_settings()
    return get_source(
        **source_inputs(name or settings.source),
        endpoint=settings.mp_endpoint,
        api_key=settings.mp_api_key,
    )


def source_inputs(name: str) -> dict[str, Any]:
    """Return the arguments of ``get_source`` for a source that needs no network."""
    settings = machine_settings()
    return {
        "name": name,
        "cache_dir": str(settings.mp_cache_dir),  # inputs of jobs are JSON
        "thermo_type": settings.mp_thermo_type,
        "version": settings.mp_version,
    }
