"""THE QUEUE: enqueue, claim, run and retry tasks in one SQLite file. Standard library only."""
