"""Campaigns through FireWorks."""
