"""From texts to numbers: words, characters, sequences."""
