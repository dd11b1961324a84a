"""The Materials Project over its API: entries of one thermo type, whole chemical systems.

The real client, mp-api, does the talking. What it is asked, and why:

- ``ThermoRester`` and ``SummaryRester`` rather than ``MPRester``, which gives its resters a
  fixed timeout of 20 s, too short for a page of structures.
- ``search`` with chemical systems rather than ``get_entries_in_chemsys``, which gives neither
  the e_above_hull of the database nor the deprecated flag, and defaults to a mixed thermo type.
  A search without criteria would download the whole database from S3; ours always has some.
- Raw documents: the client's models take their fields from the first document of a page, so
  that a band gap that the first one lacks would be lost for all.
- ``count`` beside ``search``, since ``search`` ends quietly when a page comes back short.
- The version from the heartbeat, asked anew around every fetch: the client remembers its first
  answer for the life of the process.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from typing import Any

from pydantic import SecretStr
from pymatgen.core.entries import ComputedStructureEntry

from misei.screening.materials_project.documents import entries_of_documents, run_type_name
from misei.screening.materials_project.errors import (
    ApiKeyError,
    DatabaseChangedError,
    MaterialsProjectError,
    ServerError,
    ThermoTypeError,
    explain,
)

DEFAULT_THERMO_TYPE = "GGA_GGA+U"
# The default of mp-api, written here so that asking for the version need not load it (4 s).
ENDPOINT = "https://api.materialsproject.org/"
TIMEOUT_S = 60
BACKOFF_S = 1.0  # the client's three retries come after 0, 2 and 4 times this
PAGE_SIZE = 500  # the service takes up to 1000; structures make large pages
THERMO_FIELDS = [
    "material_id", "thermo_type", "formula_pretty", "deprecated", "energy_above_hull", "entries",
]  # fmt: skip
SUMMARY_FIELDS = ["material_id", "band_gap", "is_metal", "deprecated"]


def thermo_types() -> tuple[str, ...]:
    """Thermo types of emmet-core whose entries may be pooled across chemical systems.

    The mixed GGA_GGA+U_R2SCAN entries are corrected for one hull each: pooled, they lie on
    different energy scales (see ``MPRester.get_entries_in_chemsys`` of mp-api).
    """
    from emmet.core.types.enums import ThermoType

    unusable = {ThermoType.GGA_GGA_U_R2SCAN, ThermoType.UNKNOWN}
    return tuple(str(kind.value) for kind in ThermoType if kind not in unusable)


def check_thermo_type(thermo_type: str) -> str:
    """Return the thermo type if it is one of :func:`thermo_types`.

    Raises
    ------
    ThermoTypeError
        Names the valid ones.
    """
    if thermo_type not in (valid := thermo_types()):
        raise ThermoTypeError(
            f"thermo type {thermo_type!r} cannot be used: valid are {', '.join(valid)} (entries "
            "of the mixed GGA_GGA+U_R2SCAN may not be pooled across chemical systems)"
        )
    return thermo_type


@dataclass(frozen=True)
class MaterialsProject:
    """The service, or a mirror of it, for one thermo type.

    Attributes
    ----------
    thermo_type
        One of :func:`thermo_types`.
    endpoint
        Base URL.
    api_key
        None leaves it to mp-api: ``MP_API_KEY`` or pymatgen's ``PMG_MAPI_KEY``.
    """

    thermo_type: str = DEFAULT_THERMO_TYPE
    endpoint: str = ENDPOINT
    api_key: SecretStr | None = None

    def __post_init__(self) -> None:
        check_thermo_type(self.thermo_type)

    def database_version(self) -> str:
        """Return the version that the service answers from now, e.g. ``2025.09.25``.

        Raises
        ------
        MaterialsProjectError
            Without a connection, or when the service does not say.
        """
        import requests

        with _one_line_errors():
            response = requests.get(f"{self._base_url}heartbeat", timeout=TIMEOUT_S)
            response.raise_for_status()
            version = response.json()["db_version"]
        if not isinstance(version, str) or not version:
            raise ServerError("the Materials Project does not say which version it serves")
        return version

    def fetch(
        self, systems: Sequence[str], version: str
    ) -> dict[str, list[ComputedStructureEntry]]:
        """Return all entries that hold exactly the elements of each chemical system.

        Parameters
        ----------
        systems
            As :func:`~misei.screening.chemical_systems.chemical_system` writes them.
        version
            The version of the database that they are wanted from.

        Returns
        -------
        dict
            Entries of every system, empty lists included, as
            :func:`~misei.screening.materials_project.documents.entries_of_documents` gives them.

        Raises
        ------
        MaterialsProjectError
            One line for each way in which this can fail.
        """
        from mp_api.client.core.exceptions import MPRestError

        with _one_line_errors(MPRestError):
            thermo, summary = self._resters()
            documents = self._thermo_documents(thermo, list(systems))
            summaries = summary.search(
                chemsys=list(systems), fields=SUMMARY_FIELDS, chunk_size=PAGE_SIZE
            )
            entries = entries_of_documents(documents, summaries, self.thermo_type)
        if (now := self.database_version()) != version:
            raise DatabaseChangedError(
                f"the Materials Project went from version {version} to {now} while data were "
                "fetched; run the command again"
            )
        return {
            system: [e for e in entries if e.composition.chemical_system == system]
            for system in systems
        }

    def chemical_system_of(self, material_id: str) -> str | None:
        """Return the chemical system of a material, None where the service has no such id."""
        from mp_api.client.core.exceptions import MPRestError

        with _one_line_errors(MPRestError):
            thermo, _ = self._resters()
            found = thermo.search(material_ids=[material_id], fields=["chemsys"], num_chunks=1)
        return str(found[0]["chemsys"]) if found else None

    @property
    def _base_url(self) -> str:
        return self.endpoint.rstrip("/") + "/"

    def _resters(self) -> tuple[Any, Any]:
        from mp_api.client.routes.materials.summary import SummaryRester
        from mp_api.client.routes.materials.thermo import ThermoRester

        options: dict[str, Any] = {
            "api_key": self._valid_key(),
            "endpoint": self._base_url,
            "use_document_model": False,
            "mute_progress_bars": True,
            "timeout": TIMEOUT_S,
        }
        thermo = _with_known_fields(ThermoRester)(**options)
        for adapter in thermo.session.adapters.values():
            # A Retry-After may be hours, slept through without a word: rather fail and say so.
            adapter.max_retries = adapter.max_retries.new(
                respect_retry_after_header=False, backoff_factor=BACKOFF_S
            )
        return thermo, _with_known_fields(SummaryRester)(session=thermo.session, **options)

    def _valid_key(self) -> str:
        from mp_api.client.core.exceptions import MPRestError
        from mp_api.client.core.utils import validate_api_key

        given = self.api_key.get_secret_value() if self.api_key else None
        try:
            with warnings.catch_warnings(action="ignore"):
                key = validate_api_key(given)
        except MPRestError as error:
            raise ApiKeyError(f"Materials Project: {error}") from None
        if not key:
            raise ApiKeyError(
                "no API key for the Materials Project: set MISEI_MP_API_KEY or MP_API_KEY to "
                "yours from https://materialsproject.org/api"
            )
        return str(key)

    def _thermo_documents(self, thermo: Any, systems: list[str]) -> list[dict[str, Any]]:
        documents: list[dict[str, Any]] = thermo.search(
            chemsys=systems,
            thermo_types=[self.thermo_type],
            fields=THERMO_FIELDS,
            chunk_size=PAGE_SIZE,
        )
        criteria = {
            "chemsys": ",".join(systems), "_limit": 1,
            "thermo_types": run_type_name(self.thermo_type),
        }  # fmt: skip
        if (total := thermo.count(criteria)) != len(documents):
            raise ServerError(
                f"the Materials Project has {total} entries of {', '.join(systems)} and gave "
                f"{len(documents)}; run the command again"
            )
        return documents


@cache
def _with_known_fields(rester: type[Any]) -> type[Any]:
    # mp-api derives the names of the fields from the whole JSON schema of the document, anew for
    # every field of a search: more work than all the rest.
    known = list(rester.document_model.model_fields)
    return type(rester.__name__, (rester,), {"available_fields": known})


@contextmanager
def _one_line_errors(*kinds: type[Exception]) -> Iterator[None]:
    """Turn what requests raises or a malformed answer causes, and `kinds`, into one line."""
    from requests import RequestException

    expected: tuple[type[Exception], ...] = (
        RequestException, KeyError, TypeError, ValueError, *kinds,
    )  # fmt: skip
    try:
        yield
    except MaterialsProjectError:
        raise
    except expected as error:
        raise explain(error) from error
