"""What runs on the nodes of a cluster, and how: sub-sections of `[emr.cluster]`."""

from typing import Literal, Self

from pydantic import Field, model_validator

from framework.config.section import Arn, Section, Texts

LogFiles = tuple[Literal["STDOUT", "STDERR"], ...]
UploadPolicy = Literal["emr-managed", "on-customer-s3only", "disabled"]


class BootstrapSettings(Section):
    """A script that each node runs before its applications start."""

    name: str = Field(min_length=1, max_length=256)
    path: str = Field(
        pattern=r"^(s3://|file:/).", max_length=10280, description="s3://, or file:/ for one of EMR's own"
    )
    arguments: Texts = ()


class DynamicAllocationSettings(Section):
    """How many executors Spark holds: what is left out is EMR's own, which is on without bounds."""

    enabled: bool | None = None
    initial_executors: int | None = Field(None, ge=0)
    min_executors: int | None = Field(None, ge=0)
    max_executors: int | None = Field(None, ge=1)
    idle_timeout: int | None = Field(None, ge=1, description="seconds after which an idle executor is given back")

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        least, first, most = self.min_executors or 0, self.initial_executors, self.max_executors
        if most is not None and max(least, first or 0) > most:
            raise ValueError("min_executors and initial_executors are at most max_executors")
        if first is not None and first < least:
            raise ValueError("initial_executors is at least min_executors")
        return self


class DecommissioningSettings(Section):
    """What happens to work on a node that goes: what is left out is EMR's own."""

    timeout: int | None = Field(None, ge=0, description="seconds that YARN waits for the containers of a node")
    spot_threshold: int | None = Field(None, ge=0, description="seconds: a node that goes sooner is given up at once")
    exclude: bool | None = Field(None, description="start no task on a node that goes")
    ignore_fetch_failures: bool | None = Field(None, description="do not count what such a node no longer serves")
    migrate_blocks: bool | None = Field(None, description="Spark's own: move shuffle and cached blocks to others")


class CloudWatchSettings(Section):
    """Logs that go to CloudWatch too."""

    enabled: bool = True
    log_group: str | None = None
    stream_prefix: str | None = None
    kms_key: Arn | None = None
    steps: LogFiles = ()
    driver: LogFiles = ()
    executors: LogFiles = ()


class S3LogsSettings(Section):
    """Which logs go to S3; EMR keeps a copy of those that are emr-managed."""

    system: UploadPolicy | None = None
    application: UploadPolicy | None = None
    persistent_ui: Literal["emr-managed", "disabled"] | None = None


class RootVolumeSettings(Section):
    """The volume that a node boots from."""

    size: int | None = Field(None, ge=10, le=1024, description="GiB")
    iops: int | None = Field(None, ge=3000, le=16000)
    throughput: int | None = Field(None, ge=125, le=1000, description="MiB a second")

    @model_validator(mode="after")
    def _throughput(self) -> Self:
        if (self.throughput or 0) * 4 > (self.iops or 3000):
            raise ValueError("throughput in MiB a second is at most a quarter of the iops, which are 3000 unless given")
        return self
