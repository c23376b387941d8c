"""`[emr.cluster]`: what a cluster is made of."""

from pydantic import Field

from framework.config.section import Section


class ClusterSettings(Section):
    """A cluster as `lakegate cluster create` makes it."""

    name: str = Field("lakegate", description="what it is called, and found by", min_length=1, max_length=256)
