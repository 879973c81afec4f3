"""What a session costs beyond its vendors, against a bare script: `make bench-overhead`."""
