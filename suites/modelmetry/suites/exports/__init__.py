"""Exports: a suite's problems in the files that trainers and other harnesses read."""

from modelmetry.suites.exports.export import FORMS, Form, Harness, Training, export
from modelmetry.suites.exports.folder import Exported

__all__ = ["FORMS", "Exported", "Form", "Harness", "Training", "export"]
