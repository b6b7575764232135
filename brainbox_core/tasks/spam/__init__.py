"""Telling spam from ham."""
