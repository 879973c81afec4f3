"""The HTTP face: thin, on top of pipeline."""

import gc

# Python looks for garbage after every 700 new objects. Nearly all that loading makes stays: looking
# through it over and over makes an SDK take half as long again (docs/performance.md). `app.py` says
# what holds once everything is loaded.
gc.set_threshold(500_000)
