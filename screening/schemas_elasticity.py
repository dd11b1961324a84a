"""Document of the elasticity of one crystal: its elastic tensor and what polycrystals make of it.

Moduli are GPa. The averages assume grains without preferred orientation: Voigt's (equal strain) is
the upper bound, Reuss's (equal stress) the lower one, Hill's (Proc. Phys. Soc. A 65, 349 (1952),
10.1088/0370-1298/65/5/307) their mean.
"""

from __future__ import annotations

from typing import Self

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, computed_field, model_validator
from pymatgen.analysis.elasticity import ElasticTensor
from pymatgen.core import Structure

from misei.screening.schemas import CalculationDoc

# GPa; rounding of a tensor that was made symmetric.
SYMMETRY_TOLERANCE = 1e-6
UNSTABLE = "null: not mechanically stable"


class ElasticityDoc(CalculationDoc):
    """Elastic tensor of a crystal with relaxed ions, at zero stress and 0 K."""

    formula: str = Field(description="Formula of the crystal.")
    entry_id: str | None = Field(
        description="Id in the thermodynamic source; null: the crystal is not from one."
    )
    engine: str = Field(description="Engine of all stresses in this document.")
    structure: Structure = Field(description="Relaxed primitive cell.")
    elastic_tensor_GPa: list[list[float]] = Field(
        description="6 x 6 stiffness in Voigt's notation (xx, yy, zz, yz, xz, xy; engineering "
        "shear strains), GPa, in the axes of the IEEE standard and with the crystal's symmetry."
    )
    residual_stress_GPa: list[list[float]] = Field(
        description="Stress of the relaxed cell, GPa; tension is positive."
    )
    deformations: int = Field(description="Symmetry-distinct deformed cells whose stress entered.")
    nonlinearity: float = Field(
        description="Largest deviation of a stress from what the tensor says of its strain, over "
        "the largest stress. Strains of 1 % leave about 0.1; far more means that a deformed "
        "crystal relaxed into another structure."
    )

    @model_validator(mode="after")
    def _check_tensor(self) -> Self:
        tensor = np.array(self.elastic_tensor_GPa)
        if tensor.shape != (6, 6):
            raise ValueError(f"elastic_tensor_GPa must be 6 x 6, not of shape {tensor.shape}")
        if np.abs(tensor - tensor.T).max() > SYMMETRY_TOLERANCE:
            raise ValueError("elastic_tensor_GPa must be symmetric")
        return self

    @property
    def _tensor(self) -> ElasticTensor:
        return ElasticTensor.from_voigt(np.array(self.elastic_tensor_GPa))

    @property
    def eigenvalues(self) -> NDArray[np.float64]:
        """Eigenvalues of the tensor in GPa, ascending; the same in any axes.

        Those of Mandel's notation, in which shear strains carry sqrt(2) and the tensor is a
        quadratic form of the strain energy.
        """
        scale = np.sqrt([1, 1, 1, 2, 2, 2])
        return np.linalg.eigvalsh(np.array(self.elastic_tensor_GPa) * np.outer(scale, scale))

    @computed_field(description="Smallest eigenvalue of the tensor, GPa.")  # type: ignore[prop-decorator]
    @property
    def lowest_eigenvalue(self) -> float:
        """Stiffness against the softest strain."""
        return float(self.eigenvalues[0])

    @computed_field(description="Every homogeneous strain costs energy: all eigenvalues > 0.")  # type: ignore[prop-decorator]
    @property
    def mechanically_stable(self) -> bool:
        """Born's condition (Mouhat and Coudert, Phys. Rev. B 90, 224104 (2014))."""
        return self.lowest_eigenvalue > 0

    @computed_field(description=f"Voigt's bound of the bulk modulus, GPa; {UNSTABLE}.")  # type: ignore[prop-decorator]
    @property
    def bulk_modulus_voigt(self) -> float | None:
        """Upper bound of B."""
        return float(self._tensor.k_voigt) if self.mechanically_stable else None

    @computed_field(description=f"Reuss's bound of the bulk modulus, GPa; {UNSTABLE}.")  # type: ignore[prop-decorator]
    @property
    def bulk_modulus_reuss(self) -> float | None:
        """Lower bound of B: that of a single crystal under hydrostatic pressure."""
        return float(self._tensor.k_reuss) if self.mechanically_stable else None

    @computed_field(description=f"Voigt's bound of the shear modulus, GPa; {UNSTABLE}.")  # type: ignore[prop-decorator]
    @property
    def shear_modulus_voigt(self) -> float | None:
        """Upper bound of G."""
        return float(self._tensor.g_voigt) if self.mechanically_stable else None

    @computed_field(description=f"Reuss's bound of the shear modulus, GPa; {UNSTABLE}.")  # type: ignore[prop-decorator]
    @property
    def shear_modulus_reuss(self) -> float | None:
        """Lower bound of G."""
        return float(self._tensor.g_reuss) if self.mechanically_stable else None

    @computed_field(description=f"Bulk modulus B, Hill's mean, GPa; {UNSTABLE}.")  # type: ignore[prop-decorator]
    @property
    def bulk_modulus(self) -> float | None:
        """B of the polycrystal."""
        return float(self._tensor.k_vrh) if self.mechanically_stable else None

    @computed_field(description=f"Shear modulus G, Hill's mean, GPa; {UNSTABLE}.")  # type: ignore[prop-decorator]
    @property
    def shear_modulus(self) -> float | None:
        """G of the polycrystal."""
        return float(self._tensor.g_vrh) if self.mechanically_stable else None

    @computed_field(description=f"Young's modulus E = 9 B G / (3 B + G), GPa; {UNSTABLE}.")  # type: ignore[prop-decorator]
    @property
    def youngs_modulus(self) -> float | None:
        """E of the polycrystal, from Hill's means."""
        bulk, shear = self.bulk_modulus, self.shear_modulus
        if bulk is None or shear is None:
            return None
        return 9 * bulk * shear / (3 * bulk + shear)

    @computed_field(description=f"Poisson's ratio (3 B - 2 G) / (6 B + 2 G); {UNSTABLE}.")  # type: ignore[prop-decorator]
    @property
    def poisson_ratio(self) -> float | None:
        """Nu of the polycrystal, from Hill's means."""
        bulk, shear = self.bulk_modulus, self.shear_modulus
        if bulk is None or shear is None:
            return None
        return (3 * bulk - 2 * shear) / (6 * bulk + 2 * shear)

    @computed_field(description=f"Pugh's ratio B / G, ductile above about 1.75; {UNSTABLE}.")  # type: ignore[prop-decorator]
    @property
    def pugh_ratio(self) -> float | None:
        """B / G (Pugh, Phil. Mag. 45, 823 (1954))."""
        bulk, shear = self.bulk_modulus, self.shear_modulus
        return None if bulk is None or shear is None else bulk / shear
