"""The commands of AWS's own command line that do the same; their options are named otherwise than the API's."""

import json
import shlex
from collections.abc import Mapping
from typing import Any

OPTIONS = {
    "Name": "--name",
    "ReleaseLabel": "--release-label",
    "LogUri": "--log-uri",
    "LogEncryptionKmsKeyId": "--log-encryption-kms-key-id",
    "ServiceRole": "--service-role",
    "SecurityConfiguration": "--security-configuration",
    "StepConcurrencyLevel": "--step-concurrency-level",
    "ScaleDownBehavior": "--scale-down-behavior",
    "CustomAmiId": "--custom-ami-id",
    "RepoUpgradeOnBoot": "--repo-upgrade-on-boot",
    "OSReleaseLabel": "--os-release-label",
    "EbsRootVolumeSize": "--ebs-root-volume-size",
    "EbsRootVolumeIops": "--ebs-root-volume-iops",
    "EbsRootVolumeThroughput": "--ebs-root-volume-throughput",
    "Applications": "--applications",
    "Configurations": "--configurations",
    "ManagedScalingPolicy": "--managed-scaling-policy",
    "AutoTerminationPolicy": "--auto-termination-policy",
    "PlacementGroupConfigs": "--placement-group-configs",
    "KerberosAttributes": "--kerberos-attributes",
}
ELSEWHERE = {"Instances", "JobFlowRole", "BootstrapActions", "Tags", "Steps"}
EC2 = {
    "Ec2KeyName": "KeyName",
    "Ec2SubnetId": "SubnetId",
    "Ec2SubnetIds": "SubnetIds",
    "EmrManagedMasterSecurityGroup": "EmrManagedMasterSecurityGroup",
    "EmrManagedSlaveSecurityGroup": "EmrManagedSlaveSecurityGroup",
    "ServiceAccessSecurityGroup": "ServiceAccessSecurityGroup",
    "AdditionalMasterSecurityGroups": "AdditionalMasterSecurityGroups",
    "AdditionalSlaveSecurityGroups": "AdditionalSlaveSecurityGroups",
}


def create_cluster(request: Mapping[str, Any], region: str | None = None) -> str:
    """Return `aws emr create-cluster ...` for a request, an option a line."""
    instances = request["Instances"]
    said = [(option, _text(request[name])) for name, option in OPTIONS.items() if name in request]
    attributes = {short: instances[name] for name, short in EC2.items() if name in instances}
    said.append(("--ec2-attributes", _text({"InstanceProfile": request["JobFlowRole"], **attributes})))
    if "InstanceFleets" in instances:
        said.append(("--instance-fleets", _text(instances["InstanceFleets"])))
    else:
        said.append(("--instance-groups", _text([_group(group) for group in instances["InstanceGroups"]])))
    if "BootstrapActions" in request:
        actions = [{"Name": each["Name"], **each["ScriptBootstrapAction"]} for each in request["BootstrapActions"]]
        said.append(("--bootstrap-actions", _text(actions)))
    if "Steps" in request:
        said.append(("--steps", _text([_step(step) for step in request["Steps"]])))
    tags = [f"{tag['Key']}={tag['Value']}" for tag in request.get("Tags", ())]
    flags = ["--termination-protected" if instances.get("TerminationProtected") else "--no-termination-protected"]
    if (replaced := instances.get("UnhealthyNodeReplacement")) is not None:
        flags.append("--unhealthy-node-replacement" if replaced else "--no-unhealthy-node-replacement")
    flags.append("--no-auto-terminate" if instances["KeepJobFlowAliveWhenNoSteps"] else "--auto-terminate")
    lines = [f"{option} {shlex.quote(value)}" for option, value in said]
    lines += [f"--tags {shlex.join(tags)}"] if tags else []
    lines += [f"--region {shlex.quote(region)}"] if region else []
    return " \\\n  ".join(["aws emr create-cluster", *lines, *flags])


def add_steps(request: Mapping[str, Any], region: str | None) -> str:
    """Return `aws emr add-steps ...` for a request."""
    role = ["--execution-role-arn", request["ExecutionRoleArn"]] if "ExecutionRoleArn" in request else []
    where = ["--region", region] if region else []
    steps = json.dumps([_step(step) for step in request["Steps"]], ensure_ascii=False)
    return shlex.join(
        ["aws", "emr", "add-steps", "--cluster-id", request["JobFlowId"], "--steps", steps, *role, *where]
    )


def unsaid(request: Mapping[str, Any]) -> list[str]:
    """Return what of a request the command has no option for."""
    return sorted(request.keys() - OPTIONS.keys() - ELSEWHERE)


def parted(request: Mapping[str, Any]) -> list[str]:
    """Return the names of the steps whose properties the command cannot say: it has `a=b,c=d` and no quoting."""
    return [
        step["Name"]
        for step in request.get("Steps", ())
        if any("," in each["Key"] + each["Value"] or "=" in each["Key"] for each in step["HadoopJarStep"]["Properties"])
    ]


def _group(group: Mapping[str, Any]) -> dict[str, Any]:
    """Return a group as the command takes it: the role is its type, and a bid is what puts it on spot."""
    named = {"InstanceGroupType" if name == "InstanceRole" else name: value for name, value in group.items()}
    bid = {"BidPrice": "OnDemandPrice"} if named.pop("Market") == "SPOT" else {}
    return {**bid, **named}


def _step(step: Mapping[str, Any]) -> dict[str, Any]:
    """Return a step as the commands take it: they have names of their own for what a step is."""
    jar = step["HadoopJarStep"]
    said = {
        "Type": "CUSTOM_JAR",
        "Name": step["Name"],
        "ActionOnFailure": step["ActionOnFailure"],
        "Jar": jar["Jar"],
        "Args": jar["Args"],
        "Properties": ",".join(f"{each['Key']}={each['Value']}" for each in jar["Properties"]),
    }
    main = {"MainClass": jar["MainClass"]} if "MainClass" in jar else {}
    logs: Mapping[str, Any] = step.get("StepMonitoringConfiguration", {}).get("S3MonitoringConfiguration", {})
    return {**said, **main, **logs}


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, separators=(",", ":"))
