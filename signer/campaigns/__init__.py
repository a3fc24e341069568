"""Sprints toward full coverage: targets, tasks, reasons, reminders and the scoring table."""
