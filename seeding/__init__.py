"""Made-up learners and sessions, for looking and for speed tests: `make seed`."""
