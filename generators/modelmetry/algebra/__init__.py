"""Arithmetic probes: addition, calendars, modular arithmetic in context, graphs, years."""
