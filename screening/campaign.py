"""A campaign: which electrolytes and metals to screen, and by what choices."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import yaml
from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    ValidationError,
    ValidationInfo,
    field_validator,
)
from pymatgen.core import Element

from misei.screening.formulas import parse_mixture
from misei.screening.grains import DEFAULT_GRAINS, Grains
from misei.screening.schemas_ranking import Gates, Weights


class CampaignError(ValueError):
    """A campaign file that cannot be read, with the key at fault."""


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Campaign(_Section):
    """One screening, as the YAML file gives it.

    Attributes
    ----------
    name
        Folder of its exports.
    electrolytes
        Formulas or composites, e.g. ``16 Li6PS5Cl + Li10GeP2S12``.
    metals
        Metals M whose Li-M alloys are candidates.
    alloys
        ``equilibrium``: of each metal the alloy that coexists with Li metal; ``hull``: all
        stable Li-M phases.
    source
        Thermodynamic entries, of a kind that does not change while the campaign runs: the
        bundled set, or what `misei mp sync` fetched of the Materials Project.
    interphase
        The metal grains, which set the percolation threshold.
    max_atoms
        Primitive cells larger than this are left out (and listed as rejected).
    screen, refine
        Engine that computes all candidates, and the one that computes the best of them again,
        from the first one's structures, slabs and paths; null: one stage.
    top
        How many go to the second stage, at most.
    phonons, elastic
        Whether the first engine computes vibrations and elastic moduli of each candidate.
    """

    name: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")
    electrolytes: list[str] = Field(min_length=1)
    metals: list[str] = Field(min_length=1)
    alloys: Literal["equilibrium", "hull"] = "equilibrium"
    max_atoms: int = Field(200, gt=0)
    excluded_phases: list[str] = []
    source: Literal["bundled", "mp-cache"] = "bundled"
    interphase: Grains = DEFAULT_GRAINS
    screen: str = "sevennet"
    refine: str | None = None
    top: int = Field(5, gt=0)
    phonons: bool = False
    elastic: bool = False
    preset: Literal["smallest", "quick", "standard"] = "quick"
    gates: Gates = Gates()
    weights: Weights = Weights()

    @field_validator("refine")
    @classmethod
    def _another_engine(cls, refine: str | None, info: ValidationInfo) -> str | None:
        if refine is not None and refine == info.data.get("screen"):
            raise ValueError("refine has to name another engine than screen")
        return refine

    @field_validator("metals")
    @classmethod
    def _known_elements(cls, metals: list[str]) -> list[str]:
        for metal in metals:
            if not Element.is_valid_symbol(metal):
                raise ValueError(f"{metal!r} is not an element symbol")
        return metals

    @field_validator("electrolytes")
    @classmethod
    def _readable_formulas(cls, electrolytes: list[str]) -> list[str]:
        for electrolyte in electrolytes:
            parse_mixture(electrolyte)
        return electrolytes


def load_campaign(path: Path) -> Campaign:
    """Read and check a campaign file.

    Parameters
    ----------
    path
        YAML file with the keys of :class:`Campaign`.

    Raises
    ------
    CampaignError
        When the file is missing or not YAML, or a key or value is wrong; one line that names it.
    """
    try:
        content = yaml.safe_load(path.read_text())
    except OSError as error:
        raise CampaignError(f"cannot read the campaign file {path}: {error.strerror}") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise CampaignError(f"{path} is not YAML: {' '.join(str(error).split())}") from error
    if not isinstance(content, dict):
        raise CampaignError(f"{path} holds no keys; a campaign needs {', '.join(_keys(Campaign))}")
    try:
        return Campaign.model_validate(content)
    except ValidationError as error:
        raise CampaignError(f"{path}: {_first_problem(error)}") from error


def _keys(model: type[BaseModel]) -> list[str]:
    return list(model.model_fields)


def _first_problem(error: ValidationError) -> str:
    problem = error.errors()[0]
    where = ".".join(str(part) for part in problem["loc"])
    if problem["type"] == "extra_forbidden":
        section: type[BaseModel] = Campaign
        for part in problem["loc"][:-1]:
            section = section.model_fields[str(part)].annotation  # type: ignore[assignment]
        return f"unknown key {where!r}; valid: {', '.join(_keys(section))}"
    if problem["type"] == "missing":
        return f"the key {where!r} is missing"
    return f"{where}: {problem['msg'].removeprefix('Value error, ')} (got {problem['input']!r})"
