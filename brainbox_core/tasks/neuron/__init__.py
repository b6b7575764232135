"""One neuron and what it can learn."""
