"""Plots of the thermodynamic stage and of the ranking."""
