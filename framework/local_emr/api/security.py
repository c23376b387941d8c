"""Security configurations, and the block of public access: kept and told of, and nothing is encrypted by them."""

import json
from collections.abc import Mapping
from typing import Any

from framework.local_emr.api.paging import page
from framework.local_emr.api.refusal import invalid
from framework.local_emr.api.store import SecurityConfiguration
from framework.local_emr.api.world import ACCOUNT, Call

Answer = dict[str, Any]
Asked = Mapping[str, Any]
# As in an account where nobody has changed it.
BLOCKED = {
    "BlockPublicSecurityGroupRules": True,
    "PermittedPublicSecurityGroupRuleRanges": [{"MinRange": 22, "MaxRange": 22}],
}


def create_security_configuration(call: Call, asked: Asked) -> Answer:
    """Keep a security configuration, which is JSON, under a name of its own."""
    key = (call.region, asked["Name"])
    if key in call.world.store.security:
        raise invalid(f"Security configuration with name '{asked['Name']}' already exists.")
    try:
        document = json.loads(asked["SecurityConfiguration"])
    except (ValueError, RecursionError):
        document = None
    if not _is_configuration(document):
        raise invalid("The security configuration is no valid JSON.")
    made = SecurityConfiguration(asked["Name"], asked["SecurityConfiguration"], call.now)
    call.world.store.security[key] = made
    return {"Name": made.name, "CreationDateTime": made.created}


def describe_security_configuration(call: Call, asked: Asked) -> Answer:
    """Return a security configuration."""
    found = _found(call, asked["Name"])
    return {"Name": found.name, "SecurityConfiguration": found.text, "CreationDateTime": found.created}


def list_security_configurations(call: Call, asked: Asked) -> Answer:
    """Return a page of the names of security configurations, the newest first."""
    found = [each for (region, _), each in reversed(call.world.store.security.items()) if region == call.region]
    return page(
        found,
        "SecurityConfigurations",
        asked,
        lambda each: {"Name": each.name, "CreationDateTime": each.created},
    )


def delete_security_configuration(call: Call, asked: Asked) -> Answer:
    """Forget a security configuration."""
    found = _found(call, asked["Name"])
    del call.world.store.security[call.region, found.name]
    return {}


def get_block_public_access_configuration(call: Call, asked: Asked) -> Answer:
    """Return what the account blocks."""
    held, since = call.world.store.block_public_access.get(call.region, (BLOCKED, call.now))
    return {
        "BlockPublicAccessConfiguration": held,
        "BlockPublicAccessConfigurationMetadata": {
            "CreationDateTime": since,
            "CreatedByArn": f"arn:aws:iam::{ACCOUNT}:root",
        },
    }


def put_block_public_access_configuration(call: Call, asked: Asked) -> Answer:
    """Keep what the account blocks."""
    call.world.store.block_public_access[call.region] = (asked["BlockPublicAccessConfiguration"], call.now)
    return {}


def _is_configuration(document: Any) -> bool:
    """Tell whether all that is read of a security configuration is where it is looked for."""
    if not isinstance(document, dict) or not all(isinstance(part, dict) for part in document.values()):
        return False
    return isinstance(document.get("AuthorizationConfiguration", {}).get("IAMConfiguration", {}), dict)


def _found(call: Call, name: str) -> SecurityConfiguration:
    found = call.world.store.security.get((call.region, name))
    if found is None:
        raise invalid(f"Security configuration with name '{name}' does not exist.")
    return found
