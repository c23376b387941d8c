"""`[[emr.steps]]`: steps that are no jobs of the project."""

from pydantic import Field

from framework.config.section import Section


class StepSettings(Section):
    """A step, found by its name."""

    name: str = Field(description="what `lakegate submit NAME` calls it", min_length=1)
