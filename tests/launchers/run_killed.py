"""Head process of the evaluation kill test: run_killed.py STORE RUN_DIR."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from ase.build import bulk
from pymatgen.io.ase import AseAtomsAdaptor

from misei.launchers.local import run_flows
from misei.launchers.pools import local_pool
from misei.launchers.store import open_store
from misei.screening.results import find_document
from misei.screening.schemas_adhesion import AdhesionDoc
from misei.screening.schemas_migration import MigrationDoc
from misei.structures.interfaces import InterfaceLimits
from misei.workflows.adhesion import AdhesionMaker
from misei.workflows.migration import MigrationMaker

if __name__ == "__main__":
    store_path, run_dir = sys.argv[1:]
    copper, silver = (AseAtomsAdaptor.get_structure(bulk(metal)) for metal in ("Cu", "Ag"))
    migration = MigrationMaker(engine="emt", mobile_species="Cu", min_length=7.0, cutoff=3.0)
    limits = InterfaceLimits(
        max_atoms=40, max_strain=0.12, strain_step=0.12, film_thickness=6.0, substrate_thickness=6.0
    )
    adhesion = AdhesionMaker(
        engine="emt", film="Cu", film_lattices=("fcc",), limits=limits, candidates=1, relaxed=1,
        surface_thickness=8.0,
    )  # fmt: skip
    flows = [migration.make(copper), adhesion.make(silver, "Ag")]
    store = open_store(Path(store_path))
    with local_pool(2) as pool:
        report = run_flows(flows, store, Path(run_dir), pool)
    moved = find_document(store, flows[0].output.uuid, MigrationDoc)
    stuck = find_document(store, flows[1].output.uuid, AdhesionDoc)
    assert moved is not None, report.failed
    assert stuck is not None, report.failed
    answer = {
        "failed": report.failed,
        "migration_barrier": moved.migration_barrier,
        "work_of_adhesion": stuck.work_of_adhesion,
        "evaluations": [moved.force_evaluations, stuck.force_evaluations],
    }
    print(json.dumps(answer))
