"""Options that describe the metal grains, the same for every command that needs them."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from inspect import Parameter, signature
from typing import Annotated, Any, TypeVar

import typer

T = TypeVar("T")

# Option: the input of `Grains` that it sets, and its help.
OPTIONS = {
    "grain_diameter": ("grain_diameter_nm", "Diameter of the metal grains, nm; default 1.75."),
    "tunnelling_length": (
        "tunnelling_length_nm", "Gap that electrons tunnel across, nm; default 2.5."
    ),
    "aspect_ratio": (
        "aspect_ratio", "Length of a grain over its width, 0.1 to 10; default 1: spheres."
    ),
    "envelope": ("envelope_nm", "Insulator that encloses every grain, nm; default 0."),
    "size_ratio": (
        "size_ratio", "Diameter of the large grains over that of the small ones, 1 to 4; default 1."
    ),
    "small_share": ("small_share", "Share of the metal in small grains, 0 to 1; default 0."),
    "spread": (
        "spread",
        "Factor by which grain diameter over tunnelling length may be off, either way; "
        "default 1.36 (see `misei calibrate`).",
    ),
}  # fmt: skip


def with_grain_options(command: Callable[..., T]) -> Callable[..., T]:
    """Replace the argument ``grains`` of a command by the options that make it up."""

    @wraps(command)
    def wrapper(**given: Any) -> T:
        from misei.screening.grains import DEFAULT_GRAINS

        inputs = {field: given.pop(option) for option, (field, _) in OPTIONS.items()}
        return command(grains=DEFAULT_GRAINS.changed(**inputs), **given)

    # The commands import Grains for the type checker alone; it starts no command sooner.
    given = signature(command, eval_str=True, locals={"Grains": object})
    parameters = [
        parameter.replace(kind=Parameter.KEYWORD_ONLY)
        for parameter in given.parameters.values()
        if parameter.name != "grains"
    ]
    parameters += [
        Parameter(option, Parameter.KEYWORD_ONLY, default=None, annotation=_option(text))
        for option, (_, text) in OPTIONS.items()
    ]
    wrapper.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
    wrapper.__signature__ = given.replace(parameters=parameters)  # type: ignore[attr-defined]
    return wrapper


def _option(text: str) -> Any:
    return Annotated[float | None, typer.Option(help=text)]
