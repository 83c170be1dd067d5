"""Whether a model has seen a published edition: frozen less fresh, canary, rows, order."""
