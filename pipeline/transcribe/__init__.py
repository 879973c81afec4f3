"""Speech to text: the engine behind its seam, and the gate that its answers pass."""
