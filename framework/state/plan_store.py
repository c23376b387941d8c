"""Plans, kept under `<lake.root>/_lakegate/plans/<job>/` so that an interrupted batch is taken up as it was planned.

A plan is written before the batch's first commit and only if there is none: of two runs that plan the same batch, the
second finds the first one's plan.
"""

from typing import Any

from py4j.protocol import Py4JJavaError
from pydantic import TypeAdapter, ValidationError

from framework.batch import Plan, Position
from framework.errors import DamagedPlanError
from framework.tables import Lake

PLAN = TypeAdapter(Plan)


class PlanStore:
    """The plans of one job in one lake."""

    def __init__(self, lake: Lake, job: str) -> None:
        self._lake = lake
        self._folder = f"{lake.root.rstrip('/')}/_lakegate/plans/{job}"

    def load(self, position: Position) -> Plan | None:
        """Return the plan of a batch, None if it has none. Raises DamagedPlanError where it cannot be read."""
        system, path = self._lake.file_system(self._path(position))
        if not system.exists(path):
            return None
        stream = system.open(path)
        try:
            text = self._lake.spark._jvm.org.apache.commons.io.IOUtils.toString(stream, "UTF-8")  # type: ignore[union-attr]
        except Py4JJavaError as error:  # on a local disk Hadoop keeps a checksum beside the file
            raise DamagedPlanError(self._path(position), str(error.java_exception.getMessage())) from None
        finally:
            stream.close()
        try:
            return PLAN.validate_json(text)
        except ValidationError as error:
            first = error.errors(include_url=False, include_input=False)[0]
            raise DamagedPlanError(self._path(position), first["msg"]) from None

    def save(self, plan: Plan, *, anew: bool = False) -> Plan:
        """Write a plan if its batch has none, and return the batch's plan; `anew` puts it in the place of one."""
        system, path = self._lake.file_system(self._path(plan.position))
        try:
            stream: Any = system.create(path, anew)
        except Py4JJavaError:
            existing = self.load(plan.position)
            if existing is None:
                raise
            return existing
        try:
            stream.write(PLAN.dump_json(plan, indent=2))
        finally:
            stream.close()
        return plan

    def newest(self) -> Position | None:
        """Return the position of the newest plan."""
        system, folder = self._lake.file_system(self._folder)
        if not system.exists(folder):
            return None
        names = [status.getPath().getName() for status in system.listStatus(folder)]
        found = [name.removesuffix(".json").split("-") for name in names if name.endswith(".json") and name[0] != "."]
        return max((Position(int(epoch), int(batch)) for epoch, batch in found), default=None)

    def _path(self, position: Position) -> str:
        return f"{self._folder}/{position.epoch}-{position.batch:010}.json"
