"""Random microstructures of metal in an insulator: where they percolate and how they conduct.

The Monte Carlo behind the tables that :mod:`misei.screening.percolation` and
:mod:`misei.screening.conductivity` read; a screening run itself imports nothing from here.
"""
