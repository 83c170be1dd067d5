"""The check standard: a small real language model shipped with the package, to check it against."""

from modelmetry.models.check_standard.model import FOLDER, CheckStandard, digests

__all__ = ["FOLDER", "CheckStandard", "digests"]
