"""Our times beside those of other libraries, measured as each is used: see docs/performance.md."""
