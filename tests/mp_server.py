"""A service that answers as the Materials Project does, on this machine.

Documents are built by emmet-core's own models from the bundled set; parameters are checked as
maggma's resources check them (an unknown one, or a page over 1000, is refused).
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

from emmet.core.mpid import AlphaID
from emmet.core.summary import SummaryDoc
from emmet.core.thermo import ThermoDoc
from emmet.core.types.enums import ThermoType
from emmet.core.vasp.calc_types.enums import RunType
from pymatgen.entries.computed_entries import ComputedStructureEntry, ConstantEnergyAdjustment

from misei.screening.entries import BundledSource, ReferenceEntry

KEY = "0123456789abcdef0123456789abcdef"
ELEMENTS = ("Li", "P", "S", "Cl", "Ge")
VERSION = "2025.09.25"
FIRST_ID = 900_000
PARAMETERS = {"_fields", "_skip", "_limit", "_all_fields", "chemsys", "material_ids"}
MAX_LIMIT, DEFAULT_LIMIT = 1000, 100
RETRY_AFTER_S = 3600


@dataclass
class Service:
    """What the server holds and how it behaves; tests change it while it runs."""

    thermo: list[dict[str, Any]]
    summary: list[dict[str, Any]]
    version: str = VERSION
    status: int = 200
    heartbeat_status: int = 200
    delay_s: float = 0.0
    longest_page: int = MAX_LIMIT
    text: str | None = None
    ignored: set[str] = field(default_factory=set)
    requests: list[tuple[str, dict[str, str]]] = field(default_factory=list)
    url: str = ""

    def fetched_systems(self) -> list[str]:
        """Chemical systems whose structures were asked for, once for each time."""
        asked = [p for _, p in self.requests if "entries" in p.get("_fields", "").split(",")]
        first_pages = [p for p in asked if "_skip" not in p]
        return [system for p in first_pages for system in p["chemsys"].split(",")]

    def answer(self, path: str, query: dict[str, str], key: str | None) -> tuple[int, Any]:
        """Status and body of one request."""
        self.requests.append((path, query))
        if path == "heartbeat":
            body = {"status": "OK", "version": "0.87.3", "db_version": self.version}
            return self.heartbeat_status, body | {"access_controlled_batch_ids": []}
        time.sleep(self.delay_s)
        documents = {"materials/thermo": self.thermo, "materials/summary": self.summary}.get(path)
        if documents is None:
            return 404, {"detail": "Not Found"}
        if key != KEY:
            return 403, {"message": "Invalid authentication credentials"}
        if self.status != 200:
            return self.status, {"detail": f"made-up failure {self.status}"}
        own = {"thermo_types"} if path.endswith("thermo") else {"deprecated"}
        limit = int(query.get("_limit", DEFAULT_LIMIT))
        if set(query) - PARAMETERS - own or limit > MAX_LIMIT:
            return 400, {"detail": f"Request contains parameters which cannot be used: {query}"}
        heeded = {name: value for name, value in query.items() if name not in self.ignored}
        return 200, self._page(_matching(documents, heeded), query, limit)

    def _page(self, found: list[dict[str, Any]], query: dict[str, str], limit: int) -> Any:
        skip = int(query.get("_skip", 0))
        names = query.get("_fields", "material_id").split(",")
        page = found[skip : skip + min(limit, self.longest_page)]
        data = [{name: doc[name] for name in names if name in doc} for doc in page]
        return {"data": data, "meta": {"api_version": "0.87.3", "total_doc": len(found)}}


def _matching(documents: list[dict[str, Any]], query: dict[str, str]) -> list[dict[str, Any]]:
    for parameter, name in (("chemsys", "chemsys"), ("thermo_types", "thermo_type")):
        if parameter in query:
            documents = [d for d in documents if d[name] in query[parameter].split(",")]
    if "material_ids" in query:
        wanted = {AlphaID(text).string for text in query["material_ids"].split(",")}
        documents = [d for d in documents if AlphaID(d["material_id"]).string in wanted]
    return documents


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        service: Service = self.server.service  # type: ignore[attr-defined]
        parts = urlsplit(self.path)
        query = {name: values[0] for name, values in parse_qs(parts.query).items()}
        status, body = service.answer(parts.path.strip("/"), query, self.headers["x-api-key"])
        content = (service.text or json.dumps(body)).encode()
        self.send_response(status)
        if status == 429:
            self.send_header("Retry-After", str(RETRY_AFTER_S))
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *arguments: object) -> None:
        pass

    def handle(self) -> None:
        try:
            super().handle()
        except ConnectionError:  # a client that was killed
            self.close_connection = True


def start(service: Service) -> ThreadingHTTPServer:
    """Serve on a free port in a thread; the caller shuts it down."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    server.daemon_threads = True
    server.service = service  # type: ignore[attr-defined]
    service.url = f"http://127.0.0.1:{server.server_address[1]}/"
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}).start()
    return server


def new_service() -> Service:
    """Return a service with the documents of the bundled phases of :data:`ELEMENTS`."""
    thermo, summary = (json.loads(text) for text in _documents())
    return Service(thermo, summary)


@cache
def _documents() -> tuple[str, str]:
    """Thermo documents of two thermo types and summary documents, as JSON."""
    phases = BundledSource().entries(ELEMENTS)
    thermo: list[dict[str, Any]] = []
    for thermo_type, run_type in ((ThermoType.GGA_GGA_U, "GGA"), (RunType.r2SCAN, "r2SCAN")):
        entries = [_entry(i, phase, run_type) for i, phase in enumerate(phases)]
        documents = ThermoDoc.from_entries(entries, thermo_type, deprecated=False)
        thermo += [document.model_dump(mode="json") for document in documents]
    summary = [
        SummaryDoc.from_structure(
            phase.structure,
            material_id=_material_id(i),
            deprecated=False,
            band_gap=0.0 if phase.data["is_metallic"] else 2.0,
            is_metal=phase.data["is_metallic"],
        ).model_dump(mode="json")
        for i, phase in enumerate(phases)
    ]
    return json.dumps(thermo), json.dumps([_without_none(document) for document in summary])


def _material_id(index: int) -> str:
    return f"mp-{FIRST_ID + index}"


def _entry(index: int, phase: ReferenceEntry, run_type: str) -> ComputedStructureEntry:
    material_id = _material_id(index)
    correction = phase.correction if run_type == "GGA" else 0.0
    name = "MP2020 anion correction"
    adjustments = [ConstantEnergyAdjustment(correction, uncertainty=0.01, name=name)]
    return ComputedStructureEntry(
        phase.structure,
        phase.uncorrected_energy,
        energy_adjustments=adjustments if correction else [],
        parameters={"run_type": run_type, "is_hubbard": False, "hubbards": {}},
        data={"material_id": material_id, "task_id": material_id, "run_type": run_type},
        entry_id=f"{material_id}-{run_type}",
    )


def _without_none(document: dict[str, Any]) -> dict[str, Any]:
    # The database has no fields without a value.
    return {name: value for name, value in document.items() if value is not None}


def numbers(systems: Iterable[str]) -> dict[str, int]:
    """Number of bundled phases of exactly each chemical system."""
    phases = BundledSource().entries(ELEMENTS)
    found = [phase.composition.chemical_system for phase in phases]
    return {system: found.count(system) for system in systems}
