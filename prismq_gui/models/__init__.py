"""Qt item models: ids plus a bounded cache of rendered rows. No SQL, no waiting, no widgets."""
