"""The staff's screens: thin, on top of pipeline."""
