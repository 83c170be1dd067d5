"""What loading the statistics costs."""

from __future__ import annotations

import subprocess
import sys


def test_scipy_is_loaded_when_it_is_used() -> None:
    """Importing the statistics loads numpy but neither scipy nor statsmodels."""
    code = (
        "import modelmetry.statistics, sys; print(sorted({m.split('.')[0] for m in sys.modules}))"
    )
    loaded = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert "numpy" in loaded.stdout
    assert "scipy" not in loaded.stdout
    assert "statsmodels" not in loaded.stdout
