"""The HTTP face: thin, on top of pipeline."""

import gc

# Python looks for garbage after every 700 new objects. Most of those that loading makes stay:
# looking through them over and over makes an SDK take half as long again (docs/performance.md).
gc.set_threshold(50_000)
