"""Nightly jobs: what one night asks, what it finds, what it is held against, and how it is told."""
