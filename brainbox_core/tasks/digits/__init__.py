"""Reading digits: the task of `mnist` and `cnn`."""
