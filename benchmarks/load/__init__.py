"""Rostrum under load: `make load`. What is measured, and on what, is in `docs/performance.md`."""
