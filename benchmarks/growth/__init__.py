"""What grows with the number of sessions: time and plan of each statement: `make bench-growth`."""
