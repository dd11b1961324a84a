"""Head process of the evaluation kill test: run_migration.py STORE RUN_DIR."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from ase.build import bulk
from pymatgen.io.ase import AseAtomsAdaptor

from misei.launchers.local import run_flows
from misei.launchers.store import open_store
from misei.screening.results import find_document
from misei.screening.schemas_migration import MigrationDoc
from misei.workflows.migration import MigrationMaker

if __name__ == "__main__":
    store_path, run_dir = sys.argv[1:]
    maker = MigrationMaker(engine="emt", mobile_species="Cu", min_length=7.0, cutoff=3.0)
    flow = maker.make(AseAtomsAdaptor.get_structure(bulk("Cu")))
    store = open_store(Path(store_path))
    report = run_flows([flow], store, Path(run_dir), workers=2)
    document = find_document(store, flow.output.uuid, MigrationDoc)
    assert document is not None
    print(
        json.dumps(
            {
                "failed": report.failed,
                "barrier": document.migration_barrier,
                "evaluations": document.force_evaluations,
            }
        )
    )
