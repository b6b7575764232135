"""How a network learns: the loop, what looks on, and what it takes to go on after a stop."""
