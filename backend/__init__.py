"""The HTTP face: thin, on top of pipeline."""
