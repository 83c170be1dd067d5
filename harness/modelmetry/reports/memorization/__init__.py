"""The section of the report on a memorization study: its words, forests, charts and tables."""
