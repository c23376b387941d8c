"""The life of a cluster as a DAG of Airflow: its EMR hook makes each call, its sensors look at what became of it."""

import os

from airflow.providers.amazon.aws.operators.emr import (
    EmrAddStepsOperator,
    EmrCreateJobFlowOperator,
    EmrTerminateJobFlowOperator,
)
from airflow.providers.amazon.aws.sensors.emr import EmrJobFlowSensor, EmrStepSensor
from airflow.sdk import DAG

THERE = os.environ["THERE"]
OFTEN = {"poke_interval": 2}
INSTANCES = {"MasterInstanceType": os.environ["INSTANCE_TYPE"], "InstanceCount": 1, "KeepJobFlowAliveWhenNoSteps": True}
COMMANDS = {
    "fails": ["bash", "-c", "echo there is no reason >&2; exit 3"],
    "writes": ["spark-submit", "--deploy-mode", "cluster", f"{THERE}/app.py", "7", f"{THERE}/rows"],
}
STEPS = [
    {"Name": name, "ActionOnFailure": "CONTINUE", "HadoopJarStep": {"Jar": "command-runner.jar", "Args": args}}
    for name, args in COMMANDS.items()
]

with DAG("life", schedule=None):
    create = EmrCreateJobFlowOperator(
        task_id="create", job_flow_overrides={"Name": "airflow", "LogUri": f"{THERE}/logs/", "Instances": INSTANCES}
    )
    cluster = create.output
    add = EmrAddStepsOperator(task_id="add", job_flow_id=cluster, steps=STEPS)
    sensors = [
        EmrStepSensor(
            task_id=name,
            job_flow_id=cluster,
            step_id=f"{{{{ ti.xcom_pull(task_ids='add')[{number}] }}}}",
            trigger_rule="all_done",
            **OFTEN,
        )
        for number, name in enumerate(COMMANDS)
    ]
    waits = EmrJobFlowSensor(task_id="waits", job_flow_id=cluster, target_states=["WAITING"], **OFTEN)
    end = EmrTerminateJobFlowOperator(task_id="end", job_flow_id=cluster, trigger_rule="all_done")
    ended = EmrJobFlowSensor(task_id="ended", job_flow_id=cluster, **OFTEN)
    add >> sensors[0] >> sensors[1] >> waits >> end >> ended
