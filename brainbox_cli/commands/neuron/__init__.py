"""`brainbox neuron`."""
