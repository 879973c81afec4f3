"""The HTTP face: thin, on top of pipeline."""

import gc

# Python looks for garbage after every 700 new objects. Nearly all that loading makes stays: looking
# through it over and over only delays the first answer (docs/performance.md). So there is no look
# before the application is loaded; `app.py` says what holds then.
gc.set_threshold(5_000_000)
