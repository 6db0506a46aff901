"""Weights of the day's shards every night, with Airflow; the result of the task is the summary of the run.

If nothing has changed, the task and its successors are skipped. Transient errors are retried; errors that a person
has to fix fail at once.
"""

import json
import subprocess
from datetime import datetime, timedelta

from airflow.exceptions import AirflowException, AirflowFailException, AirflowSkipException
from airflow.decorators import dag, task

NOTHING_NEW = 99
FOR_A_PERSON = {1, 2, 3, 4, 6, 7}


@dag(schedule="15 3 * * *", start_date=datetime(2026, 1, 1), catchup=False, max_active_runs=1)
def posweight():
    @task(retries=3, retry_delay=timedelta(minutes=5))
    def weights(ds=None):
        summary = f"/tmp/posweight-{ds}.json"
        # For a file with ${date}, add "--set", f"date={ds}".
        command = ["posweight", "run", "/etc/posweight/nightly.toml", "--quiet",
                   "--skip-exit-code", str(NOTHING_NEW), "--summary-json", summary]
        code = subprocess.run(command).returncode
        if code == NOTHING_NEW:
            raise AirflowSkipException("no new shards")
        with open(summary) as file:
            result = json.load(file)
        if code in FOR_A_PERSON:
            raise AirflowFailException(result["error"]["message"])
        if code != 0:
            raise AirflowException(result["error"]["message"])
        return result

    weights()


posweight()
