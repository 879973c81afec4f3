"""Measurements that `docs/performance.md` quotes, each by a command that prints its table."""
