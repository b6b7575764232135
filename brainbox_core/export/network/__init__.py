"""Networks of layers in C."""
