"""Pictures that several commands draw."""
