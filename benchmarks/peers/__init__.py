"""Against durable engines: DBOS, Procrastinate, Celery do the same five steps. `make bench-peers`.

What is the same for all: the recordings and where they lie, Postgres, the vendors' stand-ins and
their SDKs, our pass over the audio in its confined child, our pure functions (the gate, the proof
of quotes, the figures of speech), the rows that a session leaves: transcript, analysis, insights,
metrics, profile, outcome. `steps.py` has the steps; a test holds that their rows are ours.

What is compared is what makes the steps durable, and brings the work to a worker. Of each engine
that includes its queue; of ours the local queue, the signed webhook and the backend behind it.
What ours does beyond the others: a lease with its heartbeat, an event and a stage for each step,
the line of the list, retention, notices, a bound on each wait, meters, a log line for each step.
"""
