"""Each draws one thing from values, with no I/O."""
