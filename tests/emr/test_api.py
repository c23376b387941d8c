import pytest

from framework.emr.api import PATIENCE, Patience, ask, pages
from framework.errors import AwsRefusedError, UnknownClusterError
from tests.emr.amazon import Amazon, refusal


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("InvalidRequestException", "Cluster id 'j-NOPE' is not valid."),
        ("ValidationException", "Specified job flow ID does not exist."),
        ("ValidationException", "Specified job flow ID not valid"),
    ],
)
def test_a_cluster_that_emr_does_not_know_has_an_error_of_its_own_whatever_is_called(code: str, words: str) -> None:
    emr = Amazon(
        describe_cluster=[refusal("DescribeCluster", code, words)],
        list_steps=[refusal("ListSteps", code, words)],
        terminate_job_flows=[refusal("TerminateJobFlows", code, words)],
    )
    with pytest.raises(UnknownClusterError, match="'j-NOPE'"):
        ask(emr.describe_cluster, ClusterId="j-NOPE")
    with pytest.raises(UnknownClusterError, match="'j-NOPE'"):
        list(pages(emr.list_steps, "Steps", ClusterId="j-NOPE"))
    with pytest.raises(UnknownClusterError, match="'j-NOPE'"):
        ask(emr.terminate_job_flows, JobFlowIds=["j-NOPE"])


def test_another_refusal_keeps_its_words() -> None:
    step = refusal("DescribeStep", "InvalidRequestException", "Step id 's-NOPE' is not valid.")
    with pytest.raises(
        AwsRefusedError, match=r"DescribeStep: InvalidRequestException: Step id 's-NOPE' is not valid\. Look"
    ):
        ask(Amazon(describe_step=[step]).describe_step, ClusterId="j-1", StepId="s-NOPE")


def test_patience_is_with_calls_that_are_throttled_in_a_row_and_with_no_other_error() -> None:
    throttled, denied = (refusal("ListSteps", code) for code in ("ThrottlingException", "AccessDeniedException"))
    emr = Amazon(list_steps=[*[throttled] * PATIENCE, {"Steps": []}, *[throttled] * (PATIENCE + 1)])
    patience = Patience()
    for _ in range(2 * PATIENCE + 1):
        with patience:
            ask(emr.list_steps, ClusterId="j-1")
    with pytest.raises(AwsRefusedError, match="Throttling"), patience:
        ask(emr.list_steps, ClusterId="j-1")
    with pytest.raises(AwsRefusedError, match="AccessDenied"), Patience():
        ask(Amazon(list_steps=[denied]).list_steps, ClusterId="j-1")
    with pytest.raises(UnknownClusterError), Patience():
        raise UnknownClusterError("j-1")
