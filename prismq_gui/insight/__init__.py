"""Reading a live queue file: opens read-only, reads in short statements, never blocks a writer.

Nothing here imports Qt and nothing here writes. What crosses to other rooms are the frozen
records of :mod:`~prismq_gui.insight.messages`, :mod:`~prismq_gui.insight.filters` and
:mod:`~prismq_gui.insight.problems`.
"""
