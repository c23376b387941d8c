"""The life of a cluster by boto3 with its own waiters, at their own pace. It says as JSON what it was told."""

import json
import sys
from typing import Any

import boto3
import botocore
from botocore.exceptions import WaiterError

release, instance_type, there = sys.argv[1:]
s3, emr = boto3.client("s3"), boto3.client("emr")


def step(name: str, *args: str) -> dict[str, Any]:
    jar = {"Jar": "command-runner.jar", "Args": list(args)}
    return {"Name": name, "ActionOnFailure": "CONTINUE", "HadoopJarStep": jar}


bucket, _, folder = there.removeprefix("s3://").partition("/")
s3.upload_file("app.py", bucket, f"{folder}/app.py")
groups = [
    {"InstanceRole": role, "InstanceType": instance_type, "InstanceCount": 1, "Market": "ON_DEMAND"}
    for role in ("MASTER", "CORE")
]
cluster = emr.run_job_flow(
    Name="boto3",
    ReleaseLabel=release,
    Applications=[{"Name": "Spark"}],
    LogUri=f"{there}/logs/",
    ServiceRole="EMR_DefaultRole",
    JobFlowRole="EMR_EC2_DefaultRole",
    Instances={"InstanceGroups": groups, "KeepJobFlowAliveWhenNoSteps": True},
    Steps=[step("fails", "bash", "-c", "echo there is no reason >&2; exit 3")],
)["JobFlowId"]
emr.get_waiter("cluster_running").wait(ClusterId=cluster)
up = emr.describe_cluster(ClusterId=cluster)["Cluster"]
spark = step("writes", "spark-submit", "--deploy-mode", "cluster", f"{there}/app.py", "7", f"{there}/rows")
(added,) = emr.add_job_flow_steps(JobFlowId=cluster, Steps=[spark])["StepIds"]
emr.get_waiter("step_complete").wait(ClusterId=cluster, StepId=added)
steps = [each for page in emr.get_paginator("list_steps").paginate(ClusterId=cluster) for each in page["Steps"]]
try:
    emr.get_waiter("step_complete").wait(ClusterId=cluster, StepId=steps[-1]["Id"])
    failed = None
except WaiterError as error:
    failed = error.last_response["Step"]["Status"]["FailureDetails"]["Message"]
emr.terminate_job_flows(JobFlowIds=[cluster])
emr.get_waiter("cluster_terminated").wait(ClusterId=cluster)
said = {
    "versions": [boto3.__version__, botocore.__version__],
    "cluster": cluster,
    "up": up["Status"]["State"],
    "steps": {each["Name"]: each["Status"]["State"] for each in steps},
    "failed": failed,
    "ended": emr.describe_cluster(ClusterId=cluster)["Cluster"]["Status"]["State"],
}
print(json.dumps(said))
