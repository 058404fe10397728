"""PrismQ: a task queue in one SQLite file, and the desktop program that watches and changes it."""

__version__ = "0.1.0"
