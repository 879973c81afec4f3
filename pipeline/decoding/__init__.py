"""What runs in the decoding child and nowhere else; `pipeline.audio` starts it."""
