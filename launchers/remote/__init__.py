"""Campaigns through jobflow-remote."""
