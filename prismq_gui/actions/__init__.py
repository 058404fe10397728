"""One record an action: menu bar, buttons and context menus are made from it, and from nothing else."""
