"""What runs the steps and bootstrap actions of clusters, as EMR's primary node does."""

import logging
import re
import shutil
import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from framework.aws import failures
from framework.errors import NotRunningError
from framework.local_emr.api.model import BootstrapAction, Cluster, Failure, Step
from framework.local_emr.api.protocols import Running
from framework.local_emr.daemons import applications, nodes, process, s3
from framework.local_emr.daemons.applications import Application
from framework.local_emr.daemons.hadoop import Hadoop, running
from framework.local_emr.steps import said
from framework.local_emr.steps.primary import Primary, prepared
from framework.local_emr.steps.programs import CLUSTER, PROGRAMS, RUN_JAR, STEP, java
from framework.local_emr.steps.task import Plan, Task
from framework.local_emr.steps.upload import Place

LOG = logging.getLogger(__name__)
FIRST = re.compile(r"#![ \t]*([^ \t\n]+)[ \t]*([^\n]*)")
LONGEST_FIRST = 256
COMMAND, SCRIPT = "command-runner.jar", "script-runner.jar"


class Runner:
    """Runs what clusters are asked for, on the Hadoop of a folder; `endpoint` is where S3 is.

    `command-runner.jar` runs a program of PATH, `script-runner.jar` a script that it fetches first. Any other jar is
    fetched, and run by Hadoop.
    """

    def __init__(self, folder: Path, endpoint: str) -> None:
        self._folder, self._endpoint = folder, endpoint
        self._primaries: dict[str, Primary] = {}
        self._lock = threading.Lock()

    def start(self, step: Step, cluster: Cluster) -> Running:
        """Start a step."""
        hadoop = running(self._folder)
        folder = hadoop.folder / "clusters" / cluster.id / "steps" / step.id
        named = said.Applications((folder / "stderr", folder / "stdout"))

        def plan() -> Plan:
            primary = self._primary(hadoop, cluster)
            mark = {STEP: step.id}
            logging = {"HADOOP_LOG_DIR": str(folder), "HADOOP_ROOT_LOGGER": "INFO,file"}
            environment = {**primary.environment, **mark, **logging}
            return Plan(self._command(step, primary, folder, environment), environment, mark)

        def known() -> tuple[str, ...]:
            tagged: tuple[Application, ...] = ()
            with suppress(NotRunningError):
                tagged = applications.tagged(hadoop, step.id)
            return tuple(dict.fromkeys((*(each.id for each in tagged), *named.now())))

        def containers(application: str) -> Mapping[str, Path]:
            return nodes.container_logs(running(self._folder), application)

        place = self._place(step.log_uri or cluster.log_uri, cluster, f"steps/{step.id}")
        return Task(step.id, folder, place, plan, known, containers)

    def bootstrap(self, action: BootstrapAction, cluster: Cluster) -> Running:
        """Start a bootstrap action on each node of a cluster that has not ended, one node after another."""
        hadoop = running(self._folder)
        return _OneByOne(
            lambda instance: self._bootstrapped(hadoop, action, cluster, instance),
            [each.id for each in cluster.instances if each.ended is None],
        )

    def end(self, cluster: Cluster) -> None:
        """Forget a cluster that has ended, and end what its steps have left, beside the API; its folder stays."""
        with self._lock:
            self._primaries.pop(cluster.id, None)
        threading.Thread(target=self._sweep, args=(cluster,), daemon=True, name=f"end {cluster.id}").start()

    def _sweep(self, cluster: Cluster) -> None:
        # The processes first: they might submit more.
        process.kill((), {CLUSTER: cluster.id})
        try:
            applications.kill_tagged(running(self._folder), (step.id for step in cluster.steps))
        except NotRunningError:  # they have ended with YARN
            pass
        except OSError:
            LOG.exception("YARN's applications could not be killed")

    def _bootstrapped(self, hadoop: Hadoop, action: BootstrapAction, cluster: Cluster, instance: str) -> Task:
        below = f"node/{instance}/bootstrap-actions/{action.number}"
        folder = hadoop.folder / "clusters" / cluster.id / below

        def plan() -> Plan:
            primary = self._primary(hadoop, cluster)
            mark = {STEP: f"{instance}/{action.number}"}
            script = self._fetched(action.path, folder)
            return Plan((*_interpreted(script), *action.args), {**primary.environment, **mark}, mark)

        return Task(instance, folder, self._place(cluster.log_uri, cluster, below), plan)

    def _command(self, step: Step, primary: Primary, folder: Path, environment: Mapping[str, str]) -> Sequence[str]:
        name = step.jar.rpartition("/")[2]
        if name == COMMAND:
            return program(step.args, environment["PATH"])
        if name == SCRIPT:
            if not step.args:
                raise ValueError(f"{SCRIPT} is given no script")
            return *_interpreted(self._fetched(step.args[0], folder)), *step.args[1:]
        jar = self._fetched(step.jar, folder)
        given = [str(jar), *([step.main_class] if step.main_class else []), *step.args]
        options = [f"-D{name}={value}" for name, value in step.properties.items()]
        return java(primary.hadoop, RUN_JAR, given, environment, options)

    def _primary(self, hadoop: Hadoop, cluster: Cluster) -> Primary:
        with self._lock:
            if cluster.id not in self._primaries:
                self._primaries[cluster.id] = prepared(hadoop, cluster)
            return self._primaries[cluster.id]

    def _place(self, log_uri: str | None, cluster: Cluster, folder: str) -> Place | None:
        return Place(self._endpoint, log_uri, cluster.id, folder) if log_uri else None

    def _fetched(self, address: str, folder: Path) -> Path:
        """Return a file of this machine, or of S3 after fetching it into a folder. Raises OSError where it is not."""
        if not address.startswith(("s3://", "s3n://", "s3a://")):
            local = Path(address.removeprefix("file://"))
            if not local.is_file():
                raise FileNotFoundError(f"{address} is not on this machine")
            return local
        bucket, _, key = address.partition("://")[2].partition("/")
        there = folder / "files" / key.rpartition("/")[2]
        there.parent.mkdir(exist_ok=True)
        try:
            s3.client("s3", self._endpoint).download_file(bucket, key, str(there))
        except failures() as error:
            raise FileNotFoundError(f"{address} cannot be fetched: {error}") from error
        there.chmod(there.stat().st_mode | 0o100)
        return there


class _OneByOne:
    """Tasks that run one after another, until one fails: the Running of a bootstrap action."""

    def __init__(self, start: Callable[[str], Task], names: Sequence[str]) -> None:
        self._start, self._left = start, list(names)
        self._now = start(self._left.pop(0))

    def poll(self) -> int | None:
        """Return the exit code of the first that failed, or 0 when all have ended."""
        code = self._now.poll()
        if code or code is None or not self._left:
            return code
        self._now = self._start(self._left.pop(0))
        return None

    def cancel(self, *, force: bool) -> None:
        """End the one that runs, and start no further one."""
        self._left.clear()
        self._now.cancel(force=force)

    @property
    def applications(self) -> Sequence[str]:
        """Return none: the cluster is not up yet."""
        return ()

    @property
    def started(self) -> bool:
        """Tell whether the last one did."""
        return self._now.started

    @property
    def failure(self) -> Failure | None:
        """Return why the last one failed."""
        return self._now.failure


def program(arguments: Sequence[str], path: str) -> Sequence[str]:
    """Return the command that command-runner.jar makes of its arguments: without the empty ones, as on EMR.

    amazon-emr-cli counts on that: it submits one where it has no options (Yelp/mrjob, issue 2070, found it out).
    Raises ValueError where nothing is left, FileNotFoundError for a program that is not on the path.
    """
    given = [each for each in arguments if each]
    if not given:
        raise ValueError(f"{COMMAND} is given no program")
    return _found(given[0], path), *given[1:]


def _interpreted(script: Path) -> tuple[str, ...]:
    """Return the command of a script, which need not be executable: what its first line says, as Linux reads it."""
    with script.open("rb") as read:
        first = read.readline(LONGEST_FIRST)
    # The name of a program, and all that follows as one argument.
    named = FIRST.match(first.decode(errors="replace"))
    return (*(filter(None, named.groups()) if named else ["bash"]), str(script))


def _found(program: str, path: str) -> str:
    """Return where a program is. Raises FileNotFoundError for one that EMR would have and this machine does not."""
    if found := shutil.which(program, path=path):
        return found
    raise FileNotFoundError(f"{program} is no program of this machine's EMR, which has {', '.join(sorted(PROGRAMS))}")
