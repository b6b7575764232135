"""The sides of the comparison need libraries that a test of examples in docstrings would ask for."""

collect_ignore = ["compare"]
