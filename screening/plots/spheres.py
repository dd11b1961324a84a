"""Shaded spheres and rods in an orthographic view, true to scale, for print.

A depth buffer: what lies in front hides what lies behind, pixel by pixel, which matplotlib's own
axes in space do not do.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

# Direction to the light in the view: right, up, towards the eye.
LIGHT = np.array([-0.45, 0.6, 0.66]) / np.linalg.norm([-0.45, 0.6, 0.66])
AMBIENT, DIFFUSE, SPECULAR, SHININESS = 0.42, 0.62, 0.30, 24
# How far colours fade towards white from the front of the scene to its back.
FADE = 0.55
SAMPLES = 2  # pixels are the means of so many squared


@dataclass(frozen=True)
class View:
    """An orthographic view of a cube around the origin.

    Attributes
    ----------
    azimuth, elevation
        Of the eye, degrees.
    """

    azimuth: float = 28.0
    elevation: float = 20.0

    @property
    def axes(self) -> Floats:
        """Directions right, up and towards the eye, shape (3, 3)."""
        a, e = np.radians([self.azimuth, self.elevation])
        towards = np.array([np.cos(e) * np.cos(a), np.cos(e) * np.sin(a), np.sin(e)])
        right = np.array([-np.sin(a), np.cos(a), 0.0])
        return np.array([right, np.cross(towards, right), towards])

    def project(self, points: Floats) -> Floats:
        """Return points (..., 3) as right, up and depth towards the eye, in the same unit."""
        return np.asarray(points @ self.axes.T)


class Canvas:
    """A square picture of side 2 ``half``, in the unit of the scene.

    Parameters
    ----------
    half
        Half the side; the origin is in the middle.
    pixels
        Along the side.
    """

    def __init__(self, half: float, pixels: int) -> None:
        self.half = half
        count = pixels * SAMPLES
        self.step = 2.0 * half / count
        self.places = -half + self.step * (np.arange(count) + 0.5)
        self.depth = np.full((count, count), -np.inf)
        self.colours = np.zeros((count, count, 3))

    def _window(self, low: Floats, high: Floats) -> tuple[slice, slice]:
        # Rows (up) and columns (right) of the pixels between two corners.
        start = np.floor((low + self.half) / self.step).astype(int).clip(0, len(self.places))
        stop = np.ceil((high + self.half) / self.step).astype(int).clip(0, len(self.places))
        return slice(start[1], stop[1]), slice(start[0], stop[0])

    def add_sphere(self, centre: Floats, radius: float, colour: Floats) -> None:
        """Draw a sphere.

        Parameters
        ----------
        centre
            In the view: right, up, depth.
        radius
            In the unit of the scene.
        colour
            Red, green and blue, 0 to 1.
        """
        window = self._window(centre[:2] - radius, centre[:2] + radius)
        up = (self.places[window[0], None] - centre[1]) / radius
        right = (self.places[None, window[1]] - centre[0]) / radius
        square = right**2 + up**2
        towards = np.sqrt(np.maximum(1.0 - square, 0.0))
        normals = np.stack(np.broadcast_arrays(right, up, towards), axis=-1)
        self._paint(window, square < 1.0, centre[2] + radius * towards, normals, colour)

    def add_rod(self, start: Floats, end: Floats, radius: float, colour: Floats) -> None:
        """Draw a thin round rod between two points of the view; other arguments as a sphere's."""
        low, high = np.minimum(start, end)[:2] - radius, np.maximum(start, end)[:2] + radius
        window = self._window(low, high)
        up = self.places[window[0], None] - start[1]
        right = self.places[None, window[1]] - start[0]
        along = end - start
        length = max(float(np.hypot(along[0], along[1])), 1e-12)
        share = np.clip((right * along[0] + up * along[1]) / length**2, 0.0, 1.0)
        across = (up * along[0] - right * along[1]) / (length * radius)
        gap = np.hypot(right - share * along[0], up - share * along[1]) / radius
        towards = np.sqrt(np.maximum(1.0 - gap**2, 0.0))
        side = np.array([-along[1], along[0]]) / length
        normals = np.stack([across * side[0], across * side[1], towards], axis=-1)
        depth = start[2] + share * along[2] + radius * towards
        self._paint(window, gap < 1.0, depth, normals, colour)

    def _paint(
        self, window: tuple[slice, slice], inside: NDArray[np.bool_], depth: Floats,
        normals: Floats, colour: Floats,
    ) -> None:  # fmt: skip
        shown = inside & (depth > self.depth[window])
        normal = normals[shown]
        light = np.maximum(normal @ LIGHT, 0.0)
        mirrored = np.maximum(2.0 * light * normal[:, 2] - LIGHT[2], 0.0)
        shade = AMBIENT + DIFFUSE * light
        shaded = colour * shade[:, None] + SPECULAR * (mirrored**SHININESS)[:, None]
        self.colours[window][shown] = np.minimum(shaded, 1.0)
        self.depth[window][shown] = depth[shown]

    def picture(self, front: float, back: float) -> Floats:
        """Return the picture with transparent background, rows from below.

        Parameters
        ----------
        front, back
            Depths of the scene's ends; colours fade between them.

        Returns
        -------
        ndarray of shape (pixels, pixels, 4)
        """
        painted = np.isfinite(self.depth)
        share = np.clip((front - self.depth) / (front - back), 0.0, 1.0) * FADE
        colours = np.where(
            painted[..., None], self.colours * (1.0 - share[..., None]) + share[..., None], 0.0
        )
        pixels = len(self.places) // SAMPLES
        blocks = (pixels, SAMPLES, pixels, SAMPLES)
        cover = painted.reshape(blocks).mean(axis=(1, 3))
        mean = colours.reshape(*blocks, 3).mean(axis=(1, 3))
        # What is not covered is not black but nothing.
        mean /= np.maximum(cover, 1e-9)[..., None]
        return np.concatenate([np.clip(mean, 0.0, 1.0), cover[..., None]], axis=-1)
