"""Stand-ins for the cloud on one machine, each behind the real wire protocol."""
