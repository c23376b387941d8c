"""Amazon EMR: releases, bundles, clusters, steps and their logs. Needs no Spark."""

from framework.emr.releases.release import RELEASES, Release, release

__all__ = ["RELEASES", "Release", "release"]
