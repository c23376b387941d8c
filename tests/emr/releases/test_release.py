import gzip
import json
from datetime import date
from itertools import pairwise
from pathlib import Path

import moto
import pytest

from framework.emr.releases.release import RELEASES, Release, release
from framework.errors import UnknownReleaseError
from framework.lanes import numbers

ALL = list(RELEASES.values())
EACH = pytest.mark.parametrize("found", ALL, ids=list(RELEASES))


def order(found: Release) -> tuple[tuple[int, ...], ...]:
    """By the label's numbers; emr-spark-8 comes after every emr-7."""
    return (numbers(found.label.split("-")[-1]),)


def listed_by_aws() -> set[str]:
    """What AWS has answered to list_release_labels in any region, as moto keeps it."""
    files = (Path(moto.__file__).parent / "emr" / "resources").glob("release-labels-*.json.gz")
    return {label for file in files for label in json.loads(gzip.decompress(file.read_bytes()))}


def test_each_release_since_6_9_that_aws_has_listed_is_there() -> None:
    listed = {label for label in listed_by_aws() if numbers(label.split("-")[-1]) >= (6, 9) and "preview" not in label}
    assert len(listed) > 25
    assert listed - set(RELEASES) == set()
    # Newer than the list.
    assert set(RELEASES) - listed == {"emr-spark-8.2.0"}


def test_they_are_in_order_and_newest_first() -> None:
    assert [found.label for found in sorted(ALL, key=order, reverse=True)] == list(RELEASES)
    assert all(label == found.label for label, found in RELEASES.items())


@EACH
def test_the_days_of_a_release_are_in_order(found: Release) -> None:
    days = [found.released, found.supported_until, found.extended_until, found.end_of_life]
    known = [day for day in days if day]
    assert found.supported_until is not None
    assert all(before <= after for before, after in pairwise(known))


@EACH
def test_the_release_before_in_the_same_line_is_neither_younger_nor_supported_for_longer(found: Release) -> None:
    older = [r for r in ALL if r.line == found.line and order(r) < order(found)]
    assert all(r.released <= found.released for r in older if r.released and found.released)
    assert all(r.supported_until <= found.supported_until for r in older if r.supported_until and found.supported_until)


def test_standard_support_is_of_two_years_and_of_three_for_the_long_term() -> None:
    # Before the policy of July 2024 there were other rules, and emr-spark-8.0.0 has a year only.
    for found in ALL:
        if found.released and found.supported_until and found.released > date(2024, 7, 25):
            years = 1 if found.label == "emr-spark-8.0.0" else 3 if found.is_lts else 2
            assert 365 * years - 1 <= (found.supported_until - found.released).days <= 365 * years + 1, found.label


@EACH
def test_what_follows_from_the_operating_system_and_the_line(found: Release) -> None:
    on_amazon_linux_2 = found.label.startswith("emr-6.")
    assert found.glibc == ((2, 26) if on_amazon_linux_2 else (2, 34))
    assert found.java == (8 if on_amazon_linux_2 else 17)
    first = "delta-core.jar" if on_amazon_linux_2 else "delta-spark.jar"
    assert found.delta_jars == (f"/usr/share/aws/delta/lib/{first}", "/usr/share/aws/delta/lib/delta-storage.jar")
    assert found.s3_connector == ("EMRFS" if order(found) < order(release("emr-7.10.0")) else "S3A")
    assert found.is_lts == (found.label in ("emr-spark-8.1.0", "emr-spark-8.2.0"))


@EACH
def test_the_applications_repeat_the_versions_of_the_release(found: Release) -> None:
    said = found.applications
    assert (said["Spark"], said["Delta"], said.get("Hadoop")) == (found.spark, found.delta, found.hadoop)
    assert found.default_python in found.pythons
    assert list(said) == sorted(said)
    assert {"Hudi", "Iceberg", "JupyterEnterpriseGateway", "Livy"} <= set(said)
    on_yarn = {"Hadoop", "Hive", "HBase", "Flink", "Presto", "Trino", "TensorFlow"}
    assert on_yarn & set(said) == (set() if found.line == "emr-spark-8" else on_yarn)
    assert ("AmazonCloudWatchAgent" in said) == (found.line != "emr-6")
    assert said.get("Hive") == said.get("HCatalog")


@EACH
def test_no_version_is_lower_than_in_the_release_before(found: Release) -> None:
    def compared(version: str) -> tuple[int, ...]:
        return (*numbers(version), *numbers(version.partition("-amzn-")[2]))

    older = [r for r in ALL if r.line == found.line and order(r) < order(found)]
    for name, version in found.applications.items():
        before = older[0].applications.get(name) if older else None
        # The patch releases of emr-6.10 came with an older JupyterHub after them.
        if version and before and name != "JupyterHub":
            assert compared(before) <= compared(version), name


@pytest.mark.parametrize(
    ("label", "application", "version"),
    [
        ("emr-spark-8.2.0", "Spark", "4.1.3-amzn-0"),
        ("emr-spark-8.2.0", "Livy", None),
        ("emr-spark-8.1.0", "Livy", "0.9.0-incubating"),
        ("emr-spark-8.0.0", "Delta", "4.0.0-amzn-1-spark"),
        ("emr-7.14.0", "Spark", "3.5.8-amzn-0"),
        ("emr-7.14.0", "Delta", "3.3.2-amzn-3"),
        ("emr-7.13.0", "Tez", "0.10.2-amzn-20"),
        ("emr-7.13.0", "Hudi", "1.0.2-amzn-2"),
        ("emr-7.12.0", "Trino", "476-amzn-1"),
        ("emr-7.11.0", "Flink", "1.20.0-amzn-5"),
        ("emr-7.10.0", "TensorFlow", "2.18.0"),
        ("emr-7.9.0", "Iceberg", "1.7.1-amzn-2"),
        ("emr-7.7.0", "Presto", "0.287-amzn-1"),
        ("emr-7.6.0", "Phoenix", "5.2.0"),
        ("emr-7.5.0", "HBase", "2.5.10-amzn-0"),
        ("emr-7.4.0", "Sqoop", "1.4.7"),
        ("emr-7.3.0", "Hadoop", "3.3.6-amzn-5"),
        ("emr-7.2.0", "MXNet", "1.9.1"),
        ("emr-7.0.0", "ZooKeeper", "3.5.10"),
        ("emr-6.15.0", "Flink", "1.17.1-amzn-1"),
        ("emr-6.12.0", "JupyterHub", "1.4.1"),
        ("emr-6.10.1", "HBase", "2.4.15-amzn-0.1"),
        ("emr-6.9.1", "Spark", "3.3.0-amzn-1.1"),
        ("emr-6.9.0", "Delta", "2.1.0"),
    ],
)
def test_an_application_has_the_version_of_the_release_guide(label: str, application: str, version: str | None) -> None:
    assert release(label).applications[application] == version


def test_applications_that_amazon_took_away_are_gone() -> None:
    assert "MXNet" not in release("emr-7.3.0").applications
    assert "Sqoop" not in release("emr-7.5.0").applications
    assert "Ganglia" not in release("emr-7.0.0").applications


@pytest.mark.parametrize(
    ("label", "pythons", "default"),
    [
        ("emr-spark-8.2.0", ("3.11", "3.13"), "3.11"),
        ("emr-spark-8.0.0", ("3.11", "3.12", "3.13"), "3.11"),
        ("emr-7.13.0", ("3.9", "3.11"), "3.11"),
        ("emr-7.12.0", ("3.9", "3.11"), "3.9"),
        ("emr-7.0.0", ("3.9",), "3.9"),
        ("emr-6.15.0", ("2.7", "3.7"), "3.7"),
    ],
)
def test_the_pythons_of_a_release_and_pyspark_s_default(label: str, pythons: tuple[str, ...], default: str) -> None:
    assert (release(label).pythons, release(label).default_python) == (pythons, default)


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("emr-7.14", "emr-7.14.0"),
        ("emr-7.1", "emr-7.1.0"),
        ("emr-8.2.0", "emr-spark-8.2.0"),
        ("8.2", "emr-spark-8.2.0"),
        ("emr-spark-8", "emr-spark-8.2.0"),
        ("emr-spark-8.3.0", "emr-spark-8.2.0"),
        ("emr-sparc-8.1.0", "emr-spark-8.1.0"),
    ],
)
def test_a_label_that_is_none_is_refused_with_the_one_that_was_meant(typed: str, meant: str) -> None:
    with pytest.raises(UnknownReleaseError, match=f"'{typed}'.* Did you mean '{meant}'.*`lakegate releases --all`"):
        release(typed)


def test_what_is_like_no_label_is_refused_with_where_they_are_listed() -> None:
    with pytest.raises(UnknownReleaseError) as refused:
        release("latest")
    assert str(refused.value) == (
        "No EMR release that brings Delta Lake is called 'latest'. `lakegate releases --all` lists them."
    )
