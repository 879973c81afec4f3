"""How good the analysis is: the golden set answered, scored, compared and held to its goals."""
