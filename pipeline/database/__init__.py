"""The tables, and every statement of SQL."""
