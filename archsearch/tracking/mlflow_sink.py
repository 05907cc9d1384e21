"""MLflow: one run for each entry, parts nested below the whole."""

import logging
import os
import time
from pathlib import Path
from typing import Any
from urllib.parse import quote

from mlflow.entities import Metric, Param
from mlflow.tracking import MlflowClient

from archsearch.tracking.entry import Entry

DATABASE = "mlflow.db"
_ARTIFACTS = "mlartifacts"
_KEY = "archsearch.key"
#: what a store takes at once
_METRICS, _PARAMS, _TEXT = 1000, 100, 500


class MlflowSink:
    """Writes to ``MLFLOW_TRACKING_URI``; without it, to a SQLite file in the folder.

    To look at that: ``mlflow ui --backend-store-uri sqlite:///FOLDER/mlflow.db``.
    """

    def __init__(self, folder: Path, group: str) -> None:
        # it tells of every table of a new database
        logging.getLogger("mlflow").setLevel(logging.WARNING)
        # a server that is away must not hold the run for minutes
        os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "1")
        os.environ.setdefault("MLFLOW_HTTP_REQUEST_TIMEOUT", "15")
        remote = os.environ.get("MLFLOW_TRACKING_URI")
        self._client = MlflowClient(
            tracking_uri=remote or f"sqlite:///{quote(str(folder.resolve() / DATABASE))}"
        )
        name = os.environ.get("MLFLOW_EXPERIMENT_NAME", group)
        experiment = self._client.get_experiment_by_name(name)
        if experiment is not None:
            self._experiment = experiment.experiment_id
        else:
            place = None if remote else (folder.resolve() / _ARTIFACTS).as_uri()
            self._experiment = self._client.create_experiment(name, artifact_location=place)
        self._ids: dict[str, str] = {}

    def write(self, entry: Entry, done: int, version: int) -> None:
        """Write an entry; see `Sink`."""
        run = self._run(entry)
        now = int(time.time() * 1000)
        metrics = [
            Metric(name, value, now, point.step)
            for point in entry.points
            if point.step > done
            for name, value in point.values.items()
        ]
        if not entry.is_open:
            metrics += [Metric(name, value, now, version) for name, value in entry.numbers.items()]
        for begin in range(0, len(metrics), _METRICS):
            self._client.log_batch(run, metrics=metrics[begin : begin + _METRICS])
        if entry.is_open:
            return
        for name, value in entry.results.items():
            if name not in entry.numbers:
                self._client.set_tag(run, name, str(value))
        if entry.table is not None:
            columns = {
                name: [row[index] for row in entry.table.rows]
                for index, name in enumerate(entry.table.columns)
            }
            self._client.log_dict(run, columns, "table.json")
        for path in entry.files:
            self._client.log_artifact(run, str(path))
        self._client.set_terminated(run, "FAILED" if entry.has_failed else "FINISHED")

    def close(self) -> None:
        """Nothing is kept in memory."""

    def _run(self, entry: Entry) -> str:
        """Return the id of the entry's run, made if it is not there yet."""
        found = self._id(entry.key)
        if found is not None:
            return found
        tags: dict[str, Any] = {_KEY: entry.key}
        parent = self._id(entry.parent) if entry.parent else None
        if parent is not None:
            tags["mlflow.parentRunId"] = parent
        run = self._client.create_run(self._experiment, tags=tags, run_name=entry.key)
        params = [Param(key, str(value)[:_TEXT]) for key, value in entry.config.items()]
        for begin in range(0, len(params), _PARAMS):
            self._client.log_batch(run.info.run_id, params=params[begin : begin + _PARAMS])
        self._ids[entry.key] = str(run.info.run_id)
        return self._ids[entry.key]

    def _id(self, key: str) -> str | None:
        if key not in self._ids:
            found = self._client.search_runs(
                [self._experiment], f"tags.`{_KEY}` = '{key}'", max_results=1
            )
            if not found:
                return None
            self._ids[key] = str(found[0].info.run_id)
        return self._ids[key]
