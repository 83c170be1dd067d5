"""Memorization studies: what a model goes on with word for word, and what that depends on.

| question | module |
|---|---|
| the whole study | `study`; as rows of `estimates.csv`: `rows` |
| what was asked and what came back, as arrays | `probes` |
| how much is extracted, by category and by duplicates | `rates` |
| how much of it is owed to exposure; canaries | `counterfactual`, `exposure` |
| duplicates at which half is extracted | `halfway` |
| which of it can be predicted, and from what | `predictions`, `dependence` |
| several sizes, or several training steps | `growth` |
"""
