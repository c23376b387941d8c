"""A runner of steps for tests: each is a process of bash, whose output lands under LogUri as EMR's does."""

import gzip
import os
import signal
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from framework.local_emr.api.model import BootstrapAction, Cluster, Failure, Step


class Process:
    """One process, the first of a group of its own."""

    def __init__(self, arguments: Sequence[str], folder: Path, log: tuple[Any, str] | None) -> None:
        self.folder, self.log, self.kept, self.started = folder, log, False, True
        folder.mkdir(parents=True)
        with (folder / "stdout").open("wb") as out, (folder / "stderr").open("wb") as err:
            self.process = subprocess.Popen(
                arguments, stdin=subprocess.DEVNULL, stdout=out, stderr=err, cwd=folder, start_new_session=True
            )

    def poll(self) -> int | None:
        code = self.process.poll()
        if code is not None and self.log and not self.kept:
            s3, address = self.log
            bucket, _, prefix = address.removeprefix("s3://").partition("/")
            for stream in ("stdout", "stderr"):
                body = gzip.compress((self.folder / stream).read_bytes())
                s3.put_object(Bucket=bucket, Key=f"{prefix}/{stream}.gz", Body=body)
            self.kept = True
        return code

    def cancel(self, *, force: bool) -> None:
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL) if force else self.process.terminate()

    @property
    def applications(self) -> Sequence[str]:
        return (self.folder / "applications").read_text().split() if (self.folder / "applications").exists() else ()

    @property
    def failure(self) -> Failure | None:
        last = (self.folder / "stderr").read_text().strip().rpartition("\n")[2]
        return Failure("Unknown Error.", last or None, self.log and f"{self.log[1]}/stderr.gz")


class Processes:
    """Runs `command-runner.jar` with a command of this machine; whatever else is asked for fails to start.

    A step says which YARN applications it has started by writing their ids to a file `applications`.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.s3: Any = None
        self.ended: list[str] = []
        self.started: list[Process] = []

    def start(self, step: Step, cluster: Cluster) -> Process:
        if step.jar != "command-runner.jar":
            raise ValueError(f"no jar {step.jar}")
        uri = step.log_uri or cluster.log_uri
        log = f"{uri.rstrip('/')}/{cluster.id}/steps/{step.id}" if uri else None
        return self._process(step.args, f"{cluster.id}/{step.id}", log)

    def bootstrap(self, action: BootstrapAction, cluster: Cluster) -> Process:
        bucket, _, key = action.path.removeprefix("s3://").partition("/")
        try:
            script = self.s3.get_object(Bucket=bucket, Key=key)["Body"].read().decode()
        except Exception as error:
            raise OSError(f"{action.path}: {error}") from error
        node = cluster.instances[0].id
        log = f"{cluster.log_uri.rstrip('/')}/{cluster.id}/node/{node}/bootstrap-actions" if cluster.log_uri else None
        arguments = ("bash", "-c", script, action.name, *action.args)
        return self._process(arguments, f"{cluster.id}/b{action.number}", log and f"{log}/{action.number}")

    def end(self, cluster: Cluster) -> None:
        self.ended.append(cluster.id)

    def stop(self) -> None:
        for each in self.started:
            each.cancel(force=True)
            each.process.wait()

    def _process(self, arguments: Sequence[str], name: str, log: str | None) -> Process:
        made = Process(arguments, self.folder / name, (self.s3, log) if log else None)
        self.started.append(made)
        return made
