"""The headless verbs of the command line, one module a group of them.

A verb is a :class:`~prismq_gui.commands.command.Command`; its module is imported when the verb is asked for. Nothing
here imports Qt, and nothing here speaks SQL.
"""
