"""The life of clusters: what time, nodes and steps make of each, looked at again and again.

STARTING until the nodes are there, BOOTSTRAPPING until each bootstrap action has run, then RUNNING and WAITING by
turns, TERMINATING until what runs has ended, and TERMINATED, or TERMINATED_WITH_ERRORS where a failure was the reason.
"""

import logging
from contextlib import suppress
from dataclasses import replace
from datetime import datetime

from framework.local_emr.api import places, work
from framework.local_emr.api.clusters import ended
from framework.local_emr.api.model import BootstrapAction, Cluster, ClusterState
from framework.local_emr.api.world import World

GRACE = 5.0  # seconds that what runs has to end by itself when its cluster ends
LOG = logging.getLogger(__name__)
WITHOUT_ERRORS = ("USER_REQUEST", "ALL_STEPS_COMPLETED")


def tick(world: World) -> None:
    """Look at every cluster once, and let it take one step of its life."""
    with world.store.lock:
        for cluster in list(world.store.clusters.values()):
            if not cluster.is_over:
                world.store.put(_advanced(world, cluster, world.now))


def shut(world: World) -> None:
    """End at once all that runs and every node; clusters are left as they are. The endpoint is no longer of use."""
    with world.store.lock:
        for running in world.running.values():
            running.cancel(force=True)
        for cluster in world.store.clusters.values():
            if not cluster.is_over:
                world.nodes.drop(cluster.id)
                world.runner.end(cluster)


def _advanced(world: World, cluster: Cluster, now: datetime) -> Cluster:
    """Return a cluster after one step of its life; an error of ours ends this one, and the others live on."""
    try:
        return _terminated(world, cluster, now) if cluster.state == "TERMINATING" else _lived(world, cluster, now)
    except Exception as error:
        LOG.exception("cluster %s", cluster.id)
        said = f"{type(error).__name__}: {error}"
        if cluster.state == "TERMINATING":
            return _given_up(world, cluster, said, now)
        return ended(work.found(world, cluster, now), "INTERNAL_ERROR", said)


def _given_up(world: World, cluster: Cluster, said: str, now: datetime) -> Cluster:
    """Return a cluster that cannot be ended in order: what can still be done is tried, and it is over."""
    world.ending.pop(cluster.id, None)
    cluster = places.gone(work.abandoned(world, cluster, now), now)
    cluster = replace(cluster, state="TERMINATED_WITH_ERRORS", ended=now, code="INTERNAL_ERROR", message=said)
    with suppress(Exception):
        world.nodes.drop(cluster.id)
    with suppress(Exception):
        world.runner.end(cluster)
    return cluster


def _lived(world: World, cluster: Cluster, now: datetime) -> Cluster:
    cluster = places.placed(world, cluster, now)
    if places.lost_primary(cluster):
        return ended(cluster, "INSTANCE_FAILURE", "The master node was terminated")
    if cluster.state == "STARTING":
        return _provisioned(cluster)
    if cluster.state == "BOOTSTRAPPING":
        return _bootstrapped(world, cluster, now)
    return work.worked(world, cluster, now)


def _provisioned(cluster: Cluster) -> Cluster:
    for group in cluster.groups:
        if group.suspended:
            return ended(cluster, "VALIDATION_ERROR", group.suspended)
    if not places.is_up(cluster):
        return cluster
    message = "Running bootstrap actions" if cluster.bootstrap_actions else "Configuring cluster software"
    return replace(cluster, state="BOOTSTRAPPING", message=message)


def _bootstrapped(world: World, cluster: Cluster, now: datetime) -> Cluster:
    """Return a cluster after a look at its bootstrap actions, which run one after another."""
    actions, key = cluster.bootstrap_actions, f"{cluster.id}/bootstrap"
    if cluster.bootstrapped == len(actions):
        up = replace(places.ready(cluster, now), ready=now)
        return work.worked(world, up, now)
    action = actions[cluster.bootstrapped]
    if key not in world.running:
        try:
            world.running[key] = world.runner.bootstrap(action, cluster)
        except (OSError, ValueError) as error:
            return _unbootstrapped(cluster, action, "BA_DOWNLOAD_FAILED_PRIMARY", f"failed: {error}")
        return cluster
    code = world.running[key].poll()
    if code is None:
        return cluster
    ran = world.running.pop(key)
    if code == 0:
        return replace(cluster, bootstrapped=action.number)
    if not ran.started:
        reason = ran.failure.message if ran.failure else None
        return _unbootstrapped(cluster, action, "BA_DOWNLOAD_FAILED_PRIMARY", f"failed: {reason}")
    said = "returned a non-zero return code"
    return _unbootstrapped(cluster, action, "PRIMARY_WITH_NON_ZERO_CODE", said, code)


def _unbootstrapped(
    cluster: Cluster, action: BootstrapAction, code: str, said: str, exit_code: int | None = None
) -> Cluster:
    masters = [group.id for group in cluster.groups if group.role == "MASTER"]
    primary = cluster.of_group(masters[0])[0].id
    message = f"On the master instance ({primary}), bootstrap action {action.number} {said}"
    data = {"primary-instance-id": primary, "bootstrap-action": str(action.number), "script-path": action.path}
    if exit_code is not None:
        data["return-code"] = str(exit_code)
    details = {"ErrorCode": f"BOOTSTRAP_FAILURE_{code}", "ErrorData": [data], "ErrorMessage": message}
    return ended(cluster, "BOOTSTRAP_FAILURE", message, (details,))


def _terminated(world: World, cluster: Cluster, now: datetime) -> Cluster:
    """Return a cluster that ends, or has ended: when nothing of it runs any more, its nodes go."""
    elapsed, key = world.elapsed(), f"{cluster.id}/bootstrap"
    force = elapsed - world.ending.setdefault(cluster.id, elapsed) >= GRACE
    cluster = work.interrupted(world, cluster, now, force=force)
    if key in world.running and not work.over(world, key, force=force):
        return cluster
    if any(cluster.steps_in("RUNNING", "CANCEL_PENDING")):
        return cluster
    world.nodes.drop(cluster.id)
    state: ClusterState = "TERMINATED" if cluster.code in WITHOUT_ERRORS else "TERMINATED_WITH_ERRORS"
    cluster = replace(places.gone(cluster, now), state=state, ended=now)
    world.runner.end(cluster)
    del world.ending[cluster.id]
    return cluster
