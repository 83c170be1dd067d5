"""A night as an Airflow DAG (Airflow 3): copy it to the DAG folder of a deployment.

Once: `airflow variables set modelmetry_secret "$(openssl rand -base64 32)"`; Airflow masks its value in
every log. `MODELMETRY` is the program, `MODELMETRY_CONFIG` the job, `MODELMETRY_OUT` the folder of all nights,
which every worker must see at the same place.
"""

from __future__ import annotations

import os
import subprocess
from datetime import timedelta
from pathlib import Path

import pendulum
from airflow.sdk import Variable, dag, get_current_context, task
from airflow.sdk.exceptions import AirflowFailException

PROGRAM = os.environ.get("MODELMETRY", "modelmetry")
CONFIG = os.environ.get("MODELMETRY_CONFIG", "/opt/modelmetry/examples/nightly/nightly.yaml")
OUT = os.environ.get("MODELMETRY_OUT", "/var/lib/modelmetry/nights")

FINAL = {2, 5}
"""A bad configuration and a failed gate: asking again would change neither."""


@dag(
    dag_id="modelmetry_nightly",
    schedule="15 2 * * *",
    start_date=pendulum.datetime(2026, 1, 1, tz="UTC"),
    catchup=False,
    max_active_runs=1,
    tags=["modelmetry"],
)
def modelmetry_nightly() -> None:
    """One task for each night."""

    @task(retries=3, retry_delay=timedelta(minutes=10), execution_timeout=timedelta(hours=8))
    def night() -> str:
        """Ask; a retry has the same date, so it goes on where the last attempt was."""
        date = f"{get_current_context()['dag_run'].run_after:%Y-%m-%d}"
        done = subprocess.run(
            [PROGRAM, "nightly", CONFIG, "--out", OUT, "--date", date],
            env=os.environ | {"MODELMETRY_SECRET": Variable.get("modelmetry_secret")},
            check=False,
        )
        summary = Path(OUT, date, "summary.md")
        if done.returncode in FINAL:
            raise AirflowFailException(
                f"exit code {done.returncode}: see {summary} or the log above"
            )
        done.check_returncode()
        return str(summary)

    night()


modelmetry_nightly()
