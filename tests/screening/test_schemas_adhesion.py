"""Numbers of the adhesion documents by hand."""

from __future__ import annotations

import pytest

from misei.screening.schemas import EV_PER_A2_TO_J_PER_M2
from misei.screening.schemas_adhesion import LARGEST_WORK, LOWEST_INTERFACE_ENERGY

# AREA of the made-up documents, angstrom^2.
AREA = 20.0


def with_energies(interface, film: float, substrate: float, strain: float = 0.0):
    """Give an interface surface energies and a strain energy in J/m2."""
    unit = AREA / EV_PER_A2_TO_J_PER_M2
    unstrained = interface.energy_film - strain * unit
    return interface.model_copy(
        update={
            "energy_film_unstrained": unstrained,
            "area_film_unstrained": AREA,
            "energy_film_bulk": unstrained - 2 * film * unit,
            "energy_substrate_bulk": interface.energy_substrate - 2 * substrate * unit,
        }
    )


def test_dupre(build):
    doc = build.adhesion("LiAl", [0.9])
    doc.interfaces = [with_energies(doc.interfaces[0], film=0.5, substrate=0.7, strain=0.1)]
    (interface,) = doc.interfaces
    assert interface.surface_energy_film == pytest.approx(0.5)
    assert interface.surface_energy_substrate == pytest.approx(0.7)
    assert interface.strain_energy == pytest.approx(0.1)
    # gamma_film + gamma_substrate - W_ad
    assert interface.interface_energy == pytest.approx(0.5 + 0.7 - 0.9)


def test_best_is_that_of_lowest_interface_energy(build):
    doc = build.adhesion("LiAl", [0.9, 0.6])
    doc.interfaces = [
        with_energies(doc.interfaces[0], film=0.5, substrate=1.2),
        with_energies(doc.interfaces[1], film=0.5, substrate=0.5),
    ]
    assert doc.work_of_adhesion == pytest.approx(0.6)
    assert doc.selection == LOWEST_INTERFACE_ENERGY
    assert doc.work_of_adhesion_range == pytest.approx((0.6, 0.9))


def test_best_is_that_of_largest_work_where_an_interface_energy_is_missing(build):
    doc = build.adhesion("LiAl", [0.9, 0.6])
    doc.interfaces[1] = with_energies(doc.interfaces[1], film=0.5, substrate=0.5)
    assert doc.work_of_adhesion == pytest.approx(0.9)
    assert doc.selection == LARGEST_WORK
    assert doc.interface_energy is None
    assert doc.critical_overpotential() is None


def test_stable_face_is_that_of_lowest_surface_energy(build):
    doc = build.adhesion("LiF", [0.7, 0.1, 0.2])
    assert doc.wetting_ratio_on_stable_face is None
    faces = [
        {"substrate": 0.7, "alike": True}, {"substrate": 0.3, "alike": True},
        {"substrate": 0.1, "alike": False},
    ]  # fmt: skip
    doc.interfaces = [
        with_energies(i, film=0.5, substrate=f["substrate"]).model_copy(
            update={"equivalent_faces": f["alike"]}
        )
        for i, f in zip(doc.interfaces, faces, strict=True)
    ]
    # gamma_Li of the made-up engine is 0.5 J/m2: the ratio is W_ad in J/m2.
    assert doc.wetting_ratio_on_stable_face == pytest.approx(0.1)
    doc.interfaces = doc.interfaces[:2]
    assert doc.wetting_ratio == pytest.approx(0.7)


def test_critical_overpotential_by_hand(build):
    doc = build.adhesion("LiF", [0.2])
    doc.interfaces = [with_energies(doc.interfaces[0], film=0.5, substrate=0.4)]
    doc.film_volume_per_atom = 20.0
    # 2 x 0.7 J/m2 x 20e-30 m3 / (10e-9 m x 1.602e-19 C)
    assert doc.critical_overpotential() == pytest.approx(0.017476, rel=1e-3)
    assert doc.critical_overpotential(5.0) == pytest.approx(2 * doc.critical_overpotential())
    with pytest.raises(ValueError, match="radius 0"):
        doc.critical_overpotential(0.0)


def test_critical_wetting_lines(build):
    gamma = build.adhesion("LiAl", [1.0]).film_surface.surface_energy
    complete = build.adhesion("LiAl", [2 * gamma])
    assert complete.critical_work_of_adhesion == pytest.approx(2 * gamma)
    assert complete.contact_angle == pytest.approx(0.0, abs=1e-3)
    assert build.adhesion("LiAl", [gamma]).contact_angle == pytest.approx(90.0)


@pytest.mark.parametrize(
    ("interval", "verdict"),
    [
        ((1.05, 1.4), "wets completely"),
        ((0.8, 1.4), "undecided: the interval includes 1"),
        (None, "wets completely (error of the engine unknown)"),
    ],
)
def test_verdict(build, interval, verdict):
    doc = build.adhesion("LiAl", [1.2])
    doc.wetting_ratio_interval = interval
    assert doc.wetting_verdict == verdict


def test_verdict_of_a_salt_that_does_not_wet(build):
    doc = build.adhesion("LiF", [0.3])
    doc.wetting_ratio_interval = (0.2, 0.4)
    assert doc.wetting_verdict == "does not wet completely"
