"""One module per command: data, model, training, prediction, evaluation."""
