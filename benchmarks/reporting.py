"""Time the report of a run of many scores, in a process of its own.

    python benchmarks/reporting.py [--problems 50000]

Makes a run of a simulated respondent (four scores a problem: two splits in two wordings), then writes its
report again from the stored answers, and prints wall seconds and peak memory of that.
"""

from __future__ import annotations

import argparse
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from modelmetry import api

SUITE = Path(__file__).parent / "many.yaml"
OPTIONS = {"ability": 1.0, "slope": 0.1, "cluster_sd": 1.0, "wording_sd": 0.3}


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--problems", type=int, default=50_000, help="of each of two splits")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        run = api.run(
            SUITE,
            model="reference/simulated",
            model_options=OPTIONS,
            limit=arguments.problems,
            log_dir=folder,
        )
        started = time.perf_counter()
        command = [sys.executable, "-m", "modelmetry.cli", "report", str(run.folder)]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        seconds = time.perf_counter() - started
        peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
        print(f"{run.scores.num_rows:,} scores: {seconds:.1f} s, {peak:.0f} MB")


if __name__ == "__main__":
    main()
