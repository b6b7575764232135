"""Walking downhill on a landscape."""
