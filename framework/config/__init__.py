"""Settings: what differs between environments, typed and frozen."""

from framework.config.cluster import ClusterSettings
from framework.config.emr import EmrSettings
from framework.config.section import Section
from framework.config.settings import (
    AwsSettings,
    CatalogSettings,
    LakeSettings,
    LandingSettings,
    LeaseSettings,
    LogSettings,
    RunSettings,
    Settings,
    SparkSettings,
    conf_folder,
    load,
)
from framework.config.steps import StepSettings

__all__ = [
    "AwsSettings",
    "CatalogSettings",
    "ClusterSettings",
    "EmrSettings",
    "LakeSettings",
    "LandingSettings",
    "LeaseSettings",
    "LogSettings",
    "RunSettings",
    "Section",
    "Settings",
    "SparkSettings",
    "StepSettings",
    "conf_folder",
    "load",
]
