"""The keys of the widgets themselves, which nobody can change: where each works, and what it does."""

from __future__ import annotations

WIDGET_KEYS = (
    ("In a table", "Home / End", "First and last row"),
    ("In a table", "Enter", "Open the row: the task's panel, a line's task, a worker's tasks"),
    ("In a table", "Shift+arrows", "Select several rows"),
    ("In a table", "Menu key", "Actions for the selection"),
    ("In the filter line", "Enter", "Filter at once, or take the offer that is chosen"),
    ("In the filter line", "Tab", "Take the chosen or the first offer"),
    ("In the filter line", "Ctrl+Space", "Offer what may come next"),
    ("In the filter line", "Down", "Go through the offers, without any to what was found"),
    ("In the filter line", "Esc", "Close the offers, then empty the line"),
    ("In the list of columns", "Space", "Show or hide the column"),
    ("In the list of columns", "Alt+Up / Alt+Down", "Move it to the left or right"),
    ("In the list of columns", "Del", "Take the column of a payload's value away"),
    ("In the command palette", "Enter", "Do what is chosen"),
    ("In the command palette", "Down / Up", "Choose"),
    ("In the command palette", "Esc", "Close it; the keyboard is where it was before"),
    ("In a comparison", "Enter", "Show the task in its file"),
    ("On the chips", "Space, Ctrl+Space", "Choose a status alone, or beside the others"),
    ("In this list", "Enter or F2", "Record other keys for the action; Enter again to set them, Esc to leave"),
    ("In this list", "Del", "Take the action's keys away"),
)
