"""Jobflow layer: engines, makers and flows. The physics comes from structures and screening."""
