"""Arithmetic defined to the last bit, so that C can agree."""
