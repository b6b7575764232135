"""What users hold in their hands: a network that trains, predicts and is kept."""
