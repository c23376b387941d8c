"""What the other tests hold requests against must itself refuse what is wrong."""

import pytest
from botocore.exceptions import ClientError

from tests.emr.amazon import Amazon, faults, refusal

STEP = {"Name": "a", "ActionOnFailure": "CONTINUE", "HadoopJarStep": {"Jar": "command-runner.jar", "Args": ["x"]}}


def test_a_right_request_has_no_fault() -> None:
    assert faults("AddJobFlowSteps", {"JobFlowId": "j-1", "Steps": [STEP]}) == []


@pytest.mark.parametrize(
    ("request_", "said"),
    [
        ({"JobFlowId": "j-1"}, "Missing required parameter"),
        ({"JobFlowId": "j-1", "Steps": [{**STEP, "ActionOnFailure": "IGNORE"}]}, "'IGNORE' is none of"),
        ({"JobFlowId": "j-1", "Steps": [{**STEP, "Nane": "a"}]}, "Nane"),
        ({"JobFlowId": "j-1" * 200, "Steps": [STEP]}, "longer than 256"),
        ({"JobFlowId": 1, "Steps": [STEP]}, "Invalid type"),
    ],
)
def test_a_wrong_request_is_seen(request_: dict[str, object], said: str) -> None:
    assert said in " ".join(faults("AddJobFlowSteps", request_))


def test_a_client_answers_in_turn_and_remembers() -> None:
    emr = Amazon(describe_step=[refusal("DescribeStep", "ThrottlingException"), {"Step": {"Id": "s-1"}}])
    with pytest.raises(ClientError, match="Throttling"):
        emr.describe_step(ClusterId="j-1", StepId="s-1")
    assert emr.describe_step(ClusterId="j-1", StepId="s-1") == {"Step": {"Id": "s-1"}}
    assert emr.asked("describe_step") == [{"ClusterId": "j-1", "StepId": "s-1"}] * 2


def test_a_client_has_no_operation_that_aws_has_not() -> None:
    with pytest.raises(AttributeError):
        Amazon().describe_stepp()
    with pytest.raises(AssertionError, match="was not expected"):
        Amazon().describe_cluster(ClusterId="j-1")
    with pytest.raises(AssertionError, match="none of AWS"):
        Amazon(describe_cluster=[{"Clusterr": {}}]).describe_cluster(ClusterId="j-1")
