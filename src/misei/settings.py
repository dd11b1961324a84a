"""Settings of misei, from the environment (``MISEI_...``)."""

from __future__ import annotations

import os
from pathlib import Path

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict


def _cache_dir() -> Path:
    # A relative path there is to be ignored (XDG base directory specification).
    base = Path(os.environ.get("XDG_CACHE_HOME", ""))
    return (base if base.is_absolute() else Path.home() / ".cache") / "misei" / "mp"


class Settings(BaseSettings):
    """What may differ between machines. Scientific choices belong in a campaign file."""

    model_config = SettingsConfigDict(env_prefix="MISEI_", extra="forbid")

    run_dir: Path = Field(Path("runs"), description="Folder of results, exports and job files.")
    workers: int = Field(2, ge=1, description="Processes that run jobs side by side.")
    # May hold a password: a SecretStr shows itself in no log.
    store: SecretStr | None = Field(
        None, description="Results store: an SQLite file or mongodb://...; in run_dir by default."
    )
    launchpad: SecretStr | None = Field(None, description="MongoDB of FireWorks: mongodb://...")
    cluster: Path | None = Field(None, description="Cluster file; `misei cluster` prints one.")

    # How GPAW runs, not what it gives: neither enters the keys of jobs.
    gpaw_ranks: int = Field(1, ge=1, description="MPI ranks of a GPAW evaluation.")
    gpaw_mpi_command: str = Field(
        "mpiexec -n {ranks}", description="Starts a program on {ranks} MPI ranks."
    )

    source: str = Field("bundled", description="Thermodynamic entries: bundled, mp or mp-cache.")
    mp_cache_dir: Path = Field(
        default_factory=_cache_dir, description="Folder of the Materials Project cache."
    )
    mp_thermo_type: str = Field("GGA_GGA+U", description="Thermo type of the Materials Project.")
    mp_version: str | None = Field(
        None, description="Database version for mp-cache; by default the newest in the cache."
    )
    mp_endpoint: str | None = Field(None, description="Address of the Materials Project API.")
    mp_api_key: SecretStr | None = Field(None, description="Key of the Materials Project API.")

    @property
    def store_location(self) -> str:
        """The results store: path of a file, or a URI that may hold a password."""
        if self.store is not None:
            return self.store.get_secret_value()
        return str(self.run_dir / "results.sqlite")
