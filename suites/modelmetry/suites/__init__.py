"""Suites: measurements described in YAML and Jinja, validated when they are read."""

from modelmetry.suites.suite import Contrast, Prompt, Suite, Task

__all__ = ["Contrast", "Prompt", "Suite", "Task"]
