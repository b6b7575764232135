"""`brainbox rnn`."""
