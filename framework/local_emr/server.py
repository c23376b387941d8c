"""The process that an EMR on this machine lives in: it answers as AWS, and owns the daemons.

    python -m framework.local_emr.server FOLDER [--port N] [--nodes N] [--hdfs]

It writes a record when all is up, and the reason where that fails. SIGTERM ends it with all that it has started.
"""

import argparse
import json
import logging
import os
import signal
import socket
import sys
import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from types import FrameType
from typing import NoReturn

from framework.config.emr import this_machine
from framework.errors import LakegateError, PortTakenError
from framework.local_emr import served
from framework.local_emr.api import life
from framework.local_emr.api.server import Server, address, listen
from framework.local_emr.api.world import Host, World
from framework.local_emr.daemons import hdfs, lifecycle, ports, process, s3, spark, yarn
from framework.local_emr.daemons.hadoop import DEFAULT_FS
from framework.local_emr.nodes import YarnNodes
from framework.local_emr.served import Served
from framework.process import process as process_of

FAILURE = "failure"
LOG = logging.getLogger(__name__)
# What `aws emr create-default-roles` makes in an account, and who takes each role on.
ROLES = {
    "EMR_DefaultRole": "elasticmapreduce.amazonaws.com",
    "EMR_EC2_DefaultRole": "ec2.amazonaws.com",
    "EMR_AutoScaling_DefaultRole": "application-autoscaling.amazonaws.com",
}
PROFILE = "EMR_EC2_DefaultRole"


def serve(folder: Path, *, port: int, nodes: int, with_hdfs: bool) -> None:
    """Bring all up, say so in the record, and stay until SystemExit or an error; then end all.

    Raises PortTakenError, and what the daemons raise.
    """
    from framework.local_emr.steps.runner import Runner

    process.adopt()
    with ExitStack() as ends:
        # What steps have left without a mark, when all else has ended.
        ends.callback(process.kill_descendants)
        bound = ends.enter_context(_listening(port))
        endpoint = address(bound)
        yarn_nodes = YarnNodes(folder)
        host = Host(this_machine(), spark.installed().spark)
        world = World(Runner(folder, endpoint), lambda: datetime.now(UTC), yarn_nodes, host=host)
        server = Server(world, bound=bound)
        ends.callback(server.stop)
        ends.callback(lifecycle.stop, folder)
        # The other services take their time, too: while the daemons start.
        pool = ends.enter_context(ThreadPoolExecutor(1))
        answering = pool.submit(_answer, server)
        hadoop = lifecycle.start(
            folder,
            nodes=nodes,
            with_hdfs=with_hdfs,
            settings=s3.settings(endpoint),
            variables=s3.variables(endpoint),
        )
        answering.result()
        ends.callback(life.shut, world)
        ends.callback(yarn_nodes.end)
        ends.callback(server.rest)
        yarn_nodes.begin()
        ends.callback(served.forget, folder)
        Served(
            folder,
            process_of(os.getpid()),
            version("lakegate"),
            server.port,
            endpoint,
            nodes,
            hadoop.url(yarn.WEB),
            hadoop.settings.get(DEFAULT_FS) if with_hdfs else None,
            hadoop.url(hdfs.WEB) if with_hdfs else None,
        ).write()
        LOG.info("up at %s", endpoint)
        threading.Event().wait()


def main(arguments: Sequence[str] | None = None) -> None:
    """Serve from a folder; the exit code is 0 after SIGTERM, 1 after a failure, whose words are in the folder."""
    parser = argparse.ArgumentParser(prog="python -m framework.local_emr.server")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--nodes", type=int, default=2)
    parser.add_argument("--hdfs", action="store_true")
    given = parser.parse_args(arguments)
    folder: Path = given.folder.absolute()
    served.claim(folder)
    os.chdir(folder)
    # By which this process is found and ended; what it starts has a mark if it needs one.
    os.environ.pop(process.MARK, None)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    logging.getLogger("botocore").setLevel(logging.WARNING)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, _end)
    try:
        serve(folder, port=given.port, nodes=given.nodes, with_hdfs=given.hdfs)
    except Exception as error:
        LOG.exception("it did not come up, or failed")
        said = str(error) if isinstance(error, LakegateError) else f"{type(error).__name__}: {error}"
        (folder / FAILURE).write_text(said)
        sys.exit(1)


def _listening(port: int) -> socket.socket:
    # A free one below those that connections go out from: a reset finds it free again.
    chosen = port or ports.free(1)[0]
    try:
        return listen(chosen)
    except OSError as error:
        raise PortTakenError(chosen) from error


def _end(number: int, frame: FrameType | None) -> NoReturn:
    """Raise in the main thread what ends all; a second signal does not disturb that."""
    for each in (signal.SIGTERM, signal.SIGINT):
        signal.signal(each, signal.SIG_IGN)
    LOG.info("ends by signal %s", number)
    sys.exit(0)


def _answer(server: Server) -> None:
    """Answer from now on, as an account that has used EMR's default roles before."""
    server.start()
    iam = s3.client("iam", server.address)
    for role, principal in ROLES.items():
        statement = {"Effect": "Allow", "Principal": {"Service": principal}, "Action": "sts:AssumeRole"}
        policy = {"Version": "2012-10-17", "Statement": [statement]}
        iam.create_role(RoleName=role, AssumeRolePolicyDocument=json.dumps(policy))
    iam.create_instance_profile(InstanceProfileName=PROFILE)
    iam.add_role_to_instance_profile(InstanceProfileName=PROFILE, RoleName=PROFILE)


if __name__ == "__main__":
    main()
