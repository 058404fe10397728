"""Changing a live queue file as an operator: plan, apply in guarded short transactions, report.

Nothing here imports Qt. What crosses to other rooms are the frozen records of
:mod:`~prismq_gui.operations.messages`.
"""
