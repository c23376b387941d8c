"""`[emr.cluster]`: what a cluster is made of.

Left out, on purpose: VisibleToAllUsers, which has no effect any more; AmiVersion, HadoopVersion, AdditionalInfo,
SupportedProducts and NewSupportedProducts, which are of releases without Delta Lake; spot blocks, which are no longer
sold; custom policies of automatic scaling and their AutoScalingRole, since managed scaling does their work; placement
strategies other than SPREAD, which EMR refuses; and ExtendedSupport, which AWS grants an account.
"""

from typing import Annotated, Literal, Self

from pydantic import Field, field_validator, model_validator

from framework.config.nodes import (
    Ami,
    Configurations,
    FleetsSettings,
    GroupsSettings,
    HardwareSettings,
)
from framework.config.section import Arn, Section, Texts
from framework.config.security import KerberosSettings, SecuritySettings
from framework.config.software import (
    BootstrapSettings,
    CloudWatchSettings,
    DecommissioningSettings,
    DynamicAllocationSettings,
    RootVolumeSettings,
    S3LogsSettings,
)

SecurityGroup = Annotated[str, Field(pattern=r"^sg-")]
DAY = 24 * 3600
INDICES = (1, 25, 50, 75, 100)


class ScalingSettings(Section):
    """Managed scaling: EMR adds and takes away nodes between two bounds; the primary nodes do not count."""

    enabled: bool = True
    unit: Literal["InstanceFleetUnits", "Instances", "VCPU"] | None = Field(None, description="None: as the nodes are")
    minimum: int = Field(1, ge=1)
    maximum: int = Field(10, ge=1)
    maximum_on_demand: int | None = Field(None, ge=0, description="None: what is on demand at first; the rest is spot")
    maximum_core: int | None = Field(None, ge=1, description="None: as many as at first; the rest are task nodes")
    strategy: Literal["DEFAULT", "ADVANCED"] = "DEFAULT"
    performance_index: int | None = Field(None, description="ADVANCED: 1 saves, 100 is fast")

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.minimum > self.maximum:
            raise ValueError(f"minimum {self.minimum} is above maximum {self.maximum}")
        for name in ("maximum_on_demand", "maximum_core"):
            if (getattr(self, name) or 0) > self.maximum:
                raise ValueError(f"{name} is above maximum {self.maximum}")
        if (self.performance_index is not None) != (self.strategy == "ADVANCED"):
            raise ValueError("strategy ADVANCED and performance_index go together")
        if self.performance_index is not None and self.performance_index not in INDICES:
            raise ValueError(f"performance_index is one of {', '.join(map(str, INDICES))}")
        return self


class SecurityGroupsSettings(Section):
    """Security groups; EMR makes its own where none are given."""

    primary: SecurityGroup | None = Field(None, description="managed by EMR; goes with nodes")
    nodes: SecurityGroup | None = Field(None, description="managed by EMR; goes with primary")
    service: SecurityGroup | None = Field(None, description="for EMR's access to a private subnet")
    more_primary: Texts = ()
    more_nodes: Texts = ()

    @model_validator(mode="after")
    def _both(self) -> Self:
        if bool(self.primary) != bool(self.nodes):
            raise ValueError("primary and nodes go together")
        return self


class ClusterSettings(Section):
    """A cluster as `lakegate cluster create` makes it."""

    name: str = Field("lakegate", description="what it is called, and found by", min_length=1, max_length=256)
    groups: GroupsSettings | None = Field(None, description="instance groups; without fleets: one node of each kind")
    fleets: FleetsSettings | None = Field(None, description="instance fleets")
    scaling: ScalingSettings = ScalingSettings()
    idle_timeout: int = Field(3600, description="seconds without work after which it ends itself; 0: never")
    step_concurrency: int = Field(1, ge=1, le=256, description="steps at a time, all on the primary node")
    termination_protection: bool = Field(False, description="three primary nodes turn it on")
    unhealthy_node_replacement: bool | None = None
    placement_group: bool = Field(False, description="spread three primary nodes over separate hardware")
    scale_down: Literal["TERMINATE_AT_INSTANCE_HOUR", "TERMINATE_AT_TASK_COMPLETION"] = "TERMINATE_AT_TASK_COMPLETION"

    applications: Texts = ("Spark",)
    configurations: Configurations = Field(default_factory=dict, description="classifications beside lakegate's own")
    dynamic_allocation: DynamicAllocationSettings = DynamicAllocationSettings()
    decommissioning: DecommissioningSettings = DecommissioningSettings()
    bootstrap: tuple[BootstrapSettings, ...] = Field((), max_length=16)
    sessions: bool = Field(False, description="Spark Connect sessions")
    custom_ami: Ami | None = Field(None, description="of every node")
    repo_upgrade: Literal["SECURITY", "NONE"] | None = Field(None, description="what a custom AMI updates at boot")
    os_release: str | None = Field(None, description="Amazon Linux release; None: the newest that fits")
    root_volume: RootVolumeSettings = RootVolumeSettings()

    log_uri: str | None = Field(
        None, pattern=r"^s3://[^/]+(/.*)?$", description="s3:// folder; without it nothing is kept"
    )
    log_key: Arn | None = Field(None, description="KMS key of the logs")
    cloudwatch: CloudWatchSettings | None = None
    s3_logs: S3LogsSettings = S3LogsSettings()

    subnets: Texts = Field((), description="one for groups; several for fleets, of which EMR takes the best")
    security_groups: SecurityGroupsSettings = SecurityGroupsSettings()
    key_pair: str | None = Field(None, description="EC2 key pair, for SSH")
    service_role: str = "EMR_DefaultRole"
    instance_profile: str = "EMR_EC2_DefaultRole"
    security_configuration: str | None = Field(None, description="one that is there already, instead of security")
    security: SecuritySettings = SecuritySettings()
    kerberos: KerberosSettings | None = None

    @property
    def nodes(self) -> GroupsSettings | FleetsSettings:
        """Return the fleets or the groups, which are one node of each kind unless given."""
        return self.fleets or self.groups or GroupsSettings()

    @field_validator("idle_timeout")
    @classmethod
    def _week(cls, value: int) -> int:
        if value and not 60 <= value <= 7 * DAY:
            raise ValueError(f"it is 0, for never, or 60 to {7 * DAY} seconds")
        return value

    @field_validator("subnets")
    @classmethod
    def _subnets(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if wrong := [each for each in value if not each.startswith("subnet-")]:
            raise ValueError(f"a subnet is called subnet-...: {', '.join(wrong)}")
        if len(set(value)) < len(value):
            raise ValueError("a subnet stands there once")
        return value

    @model_validator(mode="after")
    def _agree(self) -> Self:
        for fault in (*self._nodes_faults(), *self._software_faults(), *self._security_faults()):
            raise ValueError(fault)
        return self

    def _nodes_faults(self) -> list[str]:
        found = []
        if self.groups and self.fleets:
            found.append("a cluster is made of groups or of fleets, not of both; take one out")
        if not self.fleets and len(self.subnets) > 1:
            found.append("instance groups take one subnet; give one, or use fleets")
        units = ("InstanceFleetUnits",) if self.fleets else ("Instances", "VCPU")
        if self.scaling.enabled and self.scaling.unit not in (None, *units):
            kind = "fleets" if self.fleets else "groups"
            found.append(f"scaling.unit of {kind} is {' or '.join(units)}, not {self.scaling.unit}")
        if self.placement_group and self.nodes.primaries != 3:
            found.append("placement_group is for three primary nodes")
        return found

    def _software_faults(self) -> list[str]:
        found = []
        if {"presto", "trino"} <= {name.lower() for name in self.applications}:
            found.append("Presto and Trino do not go on one cluster; take one out of applications")
        if self.custom_ami and any(each.custom_ami for each in self._hardware()):
            found.append("custom_ami is the cluster's or that of its nodes, not both")
        if self.repo_upgrade and not self.custom_ami:
            found.append("repo_upgrade goes with custom_ami")
        if self.os_release and (self.custom_ami or any(each.custom_ami for each in self._hardware())):
            found.append("os_release and custom_ami both choose the operating system; take one out")
        if self.log_key and not self.log_uri:
            found.append("log_key goes with log_uri")
        if "on-customer-s3only" in (self.s3_logs.system, self.s3_logs.application) and not self.log_uri:
            found.append("s3_logs on-customer-s3only goes with log_uri")
        return found

    def _security_faults(self) -> list[str]:
        found = []
        if self.security_configuration and "security" in self.model_fields_set:
            found.append("security_configuration names one that is there; take [emr.cluster.security] out, or the name")
        if not self.security_configuration and bool(self.kerberos) != bool(self.security.kdc):
            found.append("Kerberos needs both [emr.cluster.kerberos] and [emr.cluster.security.kdc]")
        own = self.security.kdc and self.security.kdc.provider == "ClusterDedicatedKdc"
        if own and self.nodes.primaries == 3:
            found.append("three primary nodes need a KDC elsewhere: set security.kdc.provider to ExternalKdc")
        if self.kerberos and self.security.kdc and bool(self.security.kdc.trust) != self.kerberos.cross_realm:
            found.append("kerberos.cross_realm and security.kdc.trust go together")
        return found

    def _hardware(self) -> list[HardwareSettings]:
        nodes = self.nodes
        if isinstance(nodes, GroupsSettings):
            return [nodes.primary, nodes.core, *nodes.tasks.values()]
        return [each for fleet in (nodes.primary, nodes.core, nodes.task) if fleet for each in fleet.types]
