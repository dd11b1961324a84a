"""Settings of misei, from the environment (``MISEI_...``)."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict


class Settings(BaseSettings):
    """What may differ between machines. Scientific choices belong in a campaign file."""

    model_config = SettingsConfigDict(env_prefix="MISEI_", extra="forbid")

    run_dir: Path = Field(Path("runs"), description="Folder of results, exports and job files.")
    workers: int = Field(2, ge=1, description="Processes that run jobs side by side.")

    @property
    def store_path(self) -> Path:
        """The results store."""
        return self.run_dir / "results.sqlite"
