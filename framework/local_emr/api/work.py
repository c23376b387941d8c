"""The steps of a cluster that is up: started in their order, looked after, and what the failure of one does."""

from contextlib import suppress
from dataclasses import replace
from datetime import datetime

from framework.local_emr.api.clusters import ended
from framework.local_emr.api.model import Cluster, Failure, Step, StepState
from framework.local_emr.api.world import World


def worked(world: World, cluster: Cluster, now: datetime) -> Cluster:
    """Return a cluster after a look at its steps: one that has none left waits, or ends."""
    for step in list(cluster.steps_in("RUNNING", "CANCEL_PENDING")):
        cluster = _polled(world, cluster, step, now)
    while not cluster.is_ending and _is_free(cluster):
        cluster = _started(world, cluster, next(cluster.steps_in("PENDING")), now)
    return cluster if cluster.is_ending else _rested(world, cluster, now)


def cancelled(cluster: Cluster, now: datetime, message: str) -> Cluster:
    """Return a cluster whose waiting steps are cancelled."""
    steps = (
        replace(step, state="CANCELLED", ended=now, message=message) if step.state == "PENDING" else step
        for step in cluster.steps
    )
    return replace(cluster, steps=tuple(steps))


def interrupted(world: World, cluster: Cluster, now: datetime, *, force: bool) -> Cluster:
    """Return a cluster that ends: its waiting steps are cancelled, those that run are interrupted.

    A step counts as running until its process has ended; `force` no longer waits for it to end by itself.
    """
    cluster = cancelled(cluster, now, "Cluster terminated")
    for step in list(cluster.steps_in("RUNNING", "CANCEL_PENDING")):
        running = world.running[step.id]
        step = replace(step, applications=tuple(running.applications))
        if not over(world, step.id, force=force):
            continue
        state: StepState = "CANCELLED" if step.state == "CANCEL_PENDING" else "INTERRUPTED"
        cluster = cluster.with_step(replace(step, state=state, ended=now, message="Cluster terminated"))
    return cluster


def found(world: World, cluster: Cluster, now: datetime) -> Cluster:
    """Return a cluster whose steps run that were started and not yet noted so."""
    for step in list(cluster.steps_in("PENDING")):
        if step.id in world.running:
            cluster = cluster.with_step(replace(step, state="RUNNING", started=now))
    return cluster


def abandoned(world: World, cluster: Cluster, now: datetime) -> Cluster:
    """Return a cluster of whose steps nothing can be learned any more."""
    for step in list(cluster.steps_in("PENDING", "RUNNING", "CANCEL_PENDING")):
        if running := world.running.pop(step.id, None):
            with suppress(Exception):
                running.cancel(force=True)
        cluster = cluster.with_step(replace(step, state="INTERRUPTED", ended=now))
    return cluster


def over(world: World, key: str, *, force: bool) -> bool:
    """Tell whether what runs has ended; ask it to, once, and from then on only by `force`."""
    running = world.running[key]
    if running.poll() is not None:
        del world.running[key]
        world.told.discard(key)
        return True
    if force or key not in world.told:
        running.cancel(force=force)
        world.told.add(key)
    return False


def _is_free(cluster: Cluster) -> bool:
    busy = sum(1 for _ in cluster.steps_in("RUNNING", "CANCEL_PENDING"))
    return busy < cluster.concurrency and any(cluster.steps_in("PENDING"))


def _started(world: World, cluster: Cluster, step: Step, now: datetime) -> Cluster:
    step = replace(step, state="RUNNING", started=now)
    try:
        world.running[step.id] = world.runner.start(step, cluster)
    except (OSError, ValueError) as error:
        return _failed(cluster, replace(step, ended=now, failure=Failure(message=str(error))), now)
    return cluster.with_step(step)


def _polled(world: World, cluster: Cluster, step: Step, now: datetime) -> Cluster:
    running = world.running[step.id]
    code = running.poll()
    step = replace(step, applications=tuple(running.applications))
    if code is None:
        return cluster.with_step(step)
    del world.running[step.id]
    step = replace(step, ended=now)
    # EMR does not look at how a step ends that was to be cancelled, and its failure has no effect.
    if step.state == "CANCEL_PENDING":
        return cluster.with_step(replace(step, state="CANCELLED", message="Cancelled by user request"))
    if code == 0:
        return cluster.with_step(replace(step, state="COMPLETED"))
    return _failed(cluster, replace(step, failure=running.failure or Failure()), now)


def _failed(cluster: Cluster, step: Step, now: datetime) -> Cluster:
    """Return a cluster after the failure of a step. With several steps at once none has an effect on the others."""
    cluster = cluster.with_step(replace(step, state="FAILED"))
    if cluster.concurrency > 1 or step.on_failure == "CONTINUE" or cluster.is_ending:
        return cluster
    cluster = cancelled(cluster, now, "Cancelled because a step before failed")
    # Protection keeps a cluster that waits for steps; one that ends with its last step ends all the same.
    if step.on_failure == "CANCEL_AND_WAIT" or (cluster.protected and cluster.keep_alive):
        return cluster
    return ended(cluster, "STEP_FAILURE", "Shut down as step failed")


def _rested(world: World, cluster: Cluster, now: datetime) -> Cluster:
    """Return a cluster that runs, waits, or ends because nothing is left to do."""
    if any(cluster.steps_in("RUNNING", "CANCEL_PENDING", "PENDING")):
        return replace(cluster, state="RUNNING", code=None, message="Running step", idle_since=None)
    if not cluster.keep_alive:
        failed = any(cluster.steps_in("FAILED"))
        return ended(cluster, "ALL_STEPS_COMPLETED", f"Steps completed{' with errors' if failed else ''}")
    idle = now if world.nodes.busy(cluster.id) else cluster.idle_since or now
    if cluster.idle_timeout is not None and (now - idle).total_seconds() >= cluster.idle_timeout:
        # The code that has no cause of its own; which one EMR takes is not written anywhere.
        return ended(cluster, "ALL_STEPS_COMPLETED", "Terminated by its auto-termination policy")
    return replace(cluster, state="WAITING", code=None, message=_waits(cluster), idle_since=idle)


def _waits(cluster: Cluster) -> str:
    over = [step for step in cluster.steps if step.ended]
    if not over:
        return "Cluster ready to run steps."
    last = max(over, key=lambda step: step.ended or step.created)
    return f"Cluster ready after last step {last.state.lower()}."
