import pytest
from botocore.exceptions import EndpointConnectionError

from framework.config import ClusterSettings, EmrSettings
from framework.emr.find import cluster_id
from framework.errors import AmbiguousClusterError, AwsRefusedError, ClusterNotFoundError
from tests.emr.amazon import Amazon, refusal

NIGHTLY = EmrSettings(cluster=ClusterSettings(name="nightly"))


def listed(*names: str) -> list[dict[str, str]]:
    return [{"Id": f"j-{number}", "Name": name} for number, name in enumerate(names)]


def test_a_cluster_that_the_settings_name_by_its_id_is_not_looked_for() -> None:
    assert cluster_id(Amazon(), EmrSettings(cluster_id="j-ABC")) == "j-ABC"


def test_the_active_cluster_of_the_name_is_found_on_any_page() -> None:
    emr = Amazon(list_clusters=[{"Clusters": listed("other"), "Marker": "m"}, {"Clusters": listed("a", "nightly")}])
    assert cluster_id(emr, NIGHTLY) == "j-1"
    states = ["STARTING", "BOOTSTRAPPING", "RUNNING", "WAITING"]
    assert emr.asked("list_clusters") == [{"ClusterStates": states}, {"ClusterStates": states, "Marker": "m"}]


def test_none_and_several_are_refused() -> None:
    with pytest.raises(ClusterNotFoundError, match="Did you mean 'nightly2'"):
        cluster_id(Amazon(list_clusters=[{"Clusters": listed("nightly2")}]), NIGHTLY)
    with pytest.raises(AmbiguousClusterError, match="j-0, j-1"):
        cluster_id(Amazon(list_clusters=[{"Clusters": listed("nightly", "nightly")}]), NIGHTLY)


def test_a_refusal_and_a_way_that_fails_are_errors_of_ours() -> None:
    with pytest.raises(AwsRefusedError, match="ListClusters: AccessDeniedException: no such right"):
        cluster_id(Amazon(list_clusters=[refusal("ListClusters", "AccessDeniedException", "no such right")]), NIGHTLY)
    with pytest.raises(AwsRefusedError, match="Could not connect"):
        cluster_id(Amazon(list_clusters=[EndpointConnectionError(endpoint_url="http://x")]), NIGHTLY)
