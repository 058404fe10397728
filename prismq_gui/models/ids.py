"""The list of ids a table shows, one a row (kept beside the feeds, which compare two of them)."""

from prismq_gui.polling.ids import IdList

__all__ = ["IdList"]
