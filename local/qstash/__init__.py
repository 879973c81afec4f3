"""QStash's wire protocol on one machine, durable on Postgres. Beyond one machine: QStash."""
