"""Recurrent networks in C."""
