"""A network: build it, fit it, watch it, keep it."""
