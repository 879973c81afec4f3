"""The transcript read by Claude, and its answer checked by us."""
