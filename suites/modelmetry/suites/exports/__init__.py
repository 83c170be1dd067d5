"""Exports: a suite's problems in the files that trainers and other harnesses read."""

from modelmetry.suites.exports.fine_tuning import Form, export

__all__ = ["Form", "export"]
