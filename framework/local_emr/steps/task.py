"""A process of a step or a bootstrap action, from its start to the end of its logs, beside the API in a thread.

What it says lands under the log URI while it runs and once more when it has ended, in EMR's places.
"""

import logging
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from shlex import join

from framework.errors import LakegateError
from framework.local_emr.api.model import Failure
from framework.local_emr.daemons import process
from framework.local_emr.steps.said import failure
from framework.local_emr.steps.upload import Place
from framework.process import process as process_of

LOG = logging.getLogger(__name__)
# EMR uploads every five minutes.
UPLOAD_SECONDS = 5.0
LAST_UPLOAD_SECONDS = 2.0
NOT_STARTED = 1
STREAMS = ("controller", "syslog", "stdout", "stderr")


@dataclass(frozen=True, slots=True)
class Plan:
    """What is to run, and in which environment; `mark` is what all of its processes inherit, and nothing else has."""

    command: Sequence[str]
    environment: Mapping[str, str]
    mark: Mapping[str, str]


class Task:
    """A process under way: the Running of api.protocols.

    `planned` makes the plan, in the task's own thread, as it may fetch something. `applications_now` looks for the
    YARN applications, and `containers` for the folders of their containers' logs.
    """

    def __init__(
        self,
        name: str,
        folder: Path,
        place: Place | None,
        planned: Callable[[], Plan],
        applications_now: Callable[[], tuple[str, ...]] = lambda: (),
        containers: Callable[[str], Mapping[str, Path]] = lambda application: {},
    ) -> None:
        self.folder, self.place, self._planned = folder, place, planned
        self._applications_now, self._containers = applications_now, containers
        self._applications: tuple[str, ...] = ()
        self._code: int | None = None
        self._failure: Failure | None = None
        self._plan: Plan | None = None
        self._child: subprocess.Popen[bytes] | None = None
        self._lock, self._told = threading.Lock(), False
        folder.mkdir(parents=True, exist_ok=True)
        for stream in STREAMS:
            self.log(stream).touch()
        threading.Thread(target=self._run, daemon=True, name=name).start()

    def poll(self) -> int | None:
        """Return the exit code, once all has ended and its logs are where they belong; None before."""
        return self._code

    def cancel(self, *, force: bool) -> None:
        """Ask the process to end, or end it and all of its descendants. One that has not started yet never does."""
        with self._lock:
            self._told = True
            child, plan = self._child, self._plan
        if child is None or plan is None or child.poll() is not None:
            return
        if force:
            # Beside the API, which waits for nobody.
            threading.Thread(target=process.kill, args=([process_of(child.pid)], plan.mark), daemon=True).start()
        else:
            child.send_signal(signal.SIGTERM)

    @property
    def applications(self) -> Sequence[str]:
        """Return the ids of the YARN applications that it has started so far."""
        return self._applications

    @property
    def started(self) -> bool:
        """Tell whether its process has started."""
        return self._child is not None

    @property
    def failure(self) -> Failure | None:
        """Return why it failed; None where it did not."""
        return self._failure

    def log(self, stream: str) -> Path:
        """Return the file of one of its streams."""
        return self.folder / stream

    def _run(self) -> None:
        try:
            code = self._worked()
        except Exception as error:  # of ours; a step that never ends would hold the cluster for ever
            LOG.exception("%s", self.folder)
            self.cancel(force=True)
            self._failure, code = Failure(message=f"{type(error).__name__}: {error}"), NOT_STARTED
        self._code = code
        # As on EMR the last upload comes after the end: who follows logs waits for it. Times on S3 are whole seconds.
        time.sleep(LAST_UPLOAD_SECONDS)
        self._upload(whole=True)

    def _worked(self) -> int:
        began = time.monotonic()
        try:
            code = self._ran()
        except (OSError, ValueError, LakegateError) as error:
            self._say(f"ERROR {type(error).__name__}: {error}")
            with self.log("stderr").open("a") as said:
                said.write(f"{error}\n")
            code = NOT_STARTED
        self._applications = self._applications_now()
        took = f"took {time.monotonic() - began:.0f} seconds"
        self._say(
            f"INFO Step succeeded with exitCode 0 and {took}"
            if code == 0
            else f"WARN Step failed with exitCode {code} and {took}"
        )
        if code:
            self._failure = failure(self.log("stderr"), self.place.address("stderr") if self.place else None)
        self._upload(whole=True)
        return code

    def _ran(self) -> int:
        """Run the process, and return its exit code; that of one ended by a signal is 128 and its number."""
        plan = self._planned()
        self._say(f"INFO startExec '{join(plan.command)}'")
        with self.log("stdout").open("ab") as out, self.log("stderr").open("ab") as err, self._lock:
            if self._told:
                raise InterruptedError("cancelled before it started")
            self._plan = plan
            self._child = child = subprocess.Popen(
                plan.command,
                env=plan.environment,
                cwd=self.folder,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=err,
                start_new_session=True,
            )
        self._say(f"INFO ProcessRunner started child process {child.pid}")
        # Waited for at every moment, as process.adopt asks for.
        waiting = threading.Thread(target=child.wait, daemon=True)
        waiting.start()
        waiting.join(UPLOAD_SECONDS)
        while waiting.is_alive():
            self._applications = self._applications_now()
            self._upload()
            waiting.join(UPLOAD_SECONDS)
        code = child.wait()
        code = code if code >= 0 else 128 - code
        self._say(f"INFO waitProcessCompletion ended with exit code {code} : {join(plan.command)}")
        return code

    def _upload(self, *, whole: bool = False) -> None:
        if self.place is None:
            return
        if whole:
            self.place.forget()
        self.place.put({stream: self.log(stream) for stream in STREAMS})
        for application in self._applications:
            for container, folder in self._containers(application).items():
                files = {f"{application}/{container}/{each.name}": each for each in folder.iterdir() if each.is_file()}
                self.place.containers(files)

    def _say(self, words: str) -> None:
        now = time.strftime("%Y-%m-%dT%H:%M:%S.000Z", time.gmtime())
        with self.log("controller").open("a") as said:
            said.write(f"{now} {words}\n")
