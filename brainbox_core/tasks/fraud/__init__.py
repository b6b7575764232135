"""Finding frauds among payments."""
