"""Data and decisions: thermodynamics, interphase, percolation, documents, results, ranking."""
