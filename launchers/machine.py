"""Settings of this machine, with what the command line says on top."""

from __future__ import annotations

from pathlib import Path

from pydantic import ValidationError

from misei.settings import Settings


class SettingsError(ValueError):
    """A setting in the environment that cannot be used."""


def machine_settings(
    workers: int | None = None, run_dir: Path | None = None, cluster: Path | None = None
) -> Settings:
    """Return the settings; options that were given win over the environment.

    Raises
    ------
    SettingsError
        When an environment variable has a value that does not fit.
    """
    given = {"workers": workers, "run_dir": run_dir, "cluster": cluster}
    try:
        return Settings(**{k: v for k, v in given.items() if v is not None})  # type: ignore[arg-type]
    except ValidationError as error:
        problem = error.errors()[0]
        name = "MISEI_" + "_".join(str(part) for part in problem["loc"]).upper()
        raise SettingsError(f"{name}={problem['input']!r}: {problem['msg']}") from error
