"""How deliveries scale with how many there are at once, and a long queue: `make bench-scaling`."""
