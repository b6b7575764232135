"""From a picture to an array, and what can be done with it."""
