"""What EMR has to offer: releases with their applications, and instance types."""

import re
from collections.abc import Mapping
from typing import Any

from framework.emr import RELEASES
from framework.local_emr.api.hardware import instance_types
from framework.local_emr.api.paging import page
from framework.local_emr.api.refusal import invalid
from framework.local_emr.api.requirements import BUILT_IN, require_release
from framework.local_emr.api.world import Call

Answer = dict[str, Any]
Asked = Mapping[str, Any]
MOST = 100


def list_release_labels(call: Call, asked: Asked) -> Answer:
    """Return a page of release labels, the newest first; filters take `Spark` or `Spark@3.5.6`."""
    filters = asked.get("Filters", {})
    prefix, (name, _, version) = filters.get("Prefix", ""), filters.get("Application", "").partition("@")
    found = [
        label
        for label, release in RELEASES.items()
        if label.startswith(prefix)
        and (not name or _version(release.applications, name) is not None)
        and (not version or _version(release.applications, name) == version)
    ]
    return page(found, "ReleaseLabels", asked, size=_size(asked), marker="NextToken")


def describe_release_label(call: Call, asked: Asked) -> Answer:
    """Return the applications that a release installs, without Amazon's ending of their versions."""
    if "ReleaseLabel" not in asked:
        raise invalid("The release label is required.")
    release = require_release(asked["ReleaseLabel"])
    names = sorted(set(release.applications) - BUILT_IN)
    told = [{"Name": name, "Version": _version(release.applications, name) or None} for name in names]
    found = page(told, "Applications", asked, size=_size(asked), marker="NextToken")
    return {"ReleaseLabel": release.label, **found, "AvailableOSReleases": []}


def list_supported_instance_types(call: Call, asked: Asked) -> Answer:
    """Return a page of the instance types that a release takes."""
    require_release(asked["ReleaseLabel"])
    types = sorted(instance_types(asked["ReleaseLabel"]).items(), key=lambda each: (each[0].split(".")[0], each[0]))
    return page(types, "SupportedInstanceTypes", asked, lambda each: {**each[1], "Type": each[0]})


def _version(applications: Mapping[str, str | None], name: str) -> str | None:
    """Return an application's version; empty where it is there in a version not known, None where it is not there."""
    known = {each.lower(): version for each, version in applications.items()}
    return re.sub(r"-amzn-.*", "", known[name.lower()] or "") if name.lower() in known else None


def _size(asked: Asked) -> int:
    size = asked.get("MaxResults", MOST)
    if not 1 <= size <= MOST:
        raise invalid(f"MaxResults must be between 1 and {MOST}: {size}.")
    return int(size)
