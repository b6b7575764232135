"""Predicting a quantity."""
