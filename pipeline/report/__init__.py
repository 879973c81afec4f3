"""The report of one talk that a learner gets: what it holds, and how it is written down."""
