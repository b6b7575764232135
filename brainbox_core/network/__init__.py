"""Layers joined to a network: built, run, described, kept."""
