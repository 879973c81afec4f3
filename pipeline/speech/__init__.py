"""What was said, as values, and what can be computed from it. Pure: no I/O, no vendors."""
