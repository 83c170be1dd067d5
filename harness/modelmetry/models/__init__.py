"""Language models behind one seam: a request in, a response out."""

from modelmetry.models.model import (
    Finish,
    Model,
    Recorded,
    Rejected,
    Request,
    Response,
    Retries,
    Sampling,
    Transient,
    sampling_seed,
)
from modelmetry.models.specs import resolve

__all__ = [
    "Finish",
    "Model",
    "Recorded",
    "Rejected",
    "Request",
    "Response",
    "Retries",
    "Sampling",
    "Transient",
    "resolve",
    "sampling_seed",
]
