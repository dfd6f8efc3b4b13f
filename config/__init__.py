"""Wiring: settings, doors, workers and commands. May import every app; no app imports it."""
