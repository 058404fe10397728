"""Threads: the only home of QThread. Poller, row feeds, operation runner; frozen messages cross."""
