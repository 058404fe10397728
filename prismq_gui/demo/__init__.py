"""The live demo: a queue in a temporary folder, real worker processes, real work, and the window on it.

Owns its folder, its processes and their end. Only ``show`` and ``heartbeat`` import Qt, and not before a window opens.
"""
