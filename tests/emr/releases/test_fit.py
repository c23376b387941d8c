from dataclasses import replace
from datetime import date, timedelta

import pytest

from framework.emr.releases.delta_features import FIRST, TableNeeds, missing
from framework.emr.releases.fit import mismatches, require_fit, support, warnings
from framework.emr.releases.release import RELEASES, release
from framework.errors import ReleaseMismatchError

DAY = timedelta(days=1)


def refused(label: str, **needs: object) -> ReleaseMismatchError:
    with pytest.raises(ReleaseMismatchError) as raised:
        require_fit(release(label), **{"python": "3.11", **needs})  # type: ignore[arg-type]
    return raised.value


# -- Python and lanes -------------------------------------------------------------------------------------------------


def test_the_releases_that_run_lakegate_are_those_of_its_lanes() -> None:
    fitting = [found.label for found in RELEASES.values() if not list(mismatches(found, python="3.11"))]
    assert fitting == ["emr-spark-8.2.0", "emr-spark-8.1.0", *(f"emr-7.{minor}.0" for minor in range(14, 7, -1))]


@pytest.mark.parametrize("label", ["emr-7.0.0", "emr-6.15.0", "emr-6.9.0"])
def test_a_release_without_a_python_that_lakegate_needs_says_that_no_job_runs_there(label: str) -> None:
    (said, _) = refused(label).reasons
    assert said.endswith("and Lakegate needs 3.11 or later: no Lakegate job runs on it.")
    assert said.startswith(f"It has Python {' and '.join(release(label).pythons)}, ")


def test_a_python_that_the_release_has_not_is_refused() -> None:
    error = refused("emr-7.14.0", python="3.13")
    assert error.reasons == ("It has Python 3.9 and 3.11, and [emr] python is 3.13.",)
    assert error.fitting == ("emr-spark-8.2.0",)
    require_fit(release("emr-spark-8.2.0"), python="3.13")


def test_a_python_that_lakegate_does_not_run_on_is_refused_also_where_the_release_has_it() -> None:
    error = refused("emr-7.14.0", python="3.9")
    assert error.reasons == ("Lakegate needs Python 3.11 or later, and [emr] python is 3.9.",)
    assert str(error).endswith("No release that is known fits.")


def test_spark_and_delta_that_are_no_lane_are_refused() -> None:
    assert refused("emr-spark-8.0.0").reasons == (
        "It has Spark 4.0.2-amzn-0 with Delta 4.0.0-amzn-1-spark, and Lakegate runs on Spark 4.1 with Delta 4.2 or "
        "Spark 3.5 with Delta 3.3.",
    )
    assert "Delta 3.2.1-amzn-2" in str(refused("emr-7.7.0"))
    assert "What fits: emr-spark-8.2.0, emr-7.14.0 ([emr] release)." in str(refused("emr-7.7.0"))


# -- applications -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("application", ["Flink", "Hive", "Trino", "Hadoop"])
def test_an_application_that_the_release_lacks_is_refused(application: str) -> None:
    error = refused("emr-spark-8.2.0", applications=["Spark", application])
    (said,) = error.reasons
    assert said.startswith(f"It has no {application}. There is: 'AmazonCloudWatchAgent', 'Delta', ")
    assert error.fitting == ("emr-7.14.0",)
    require_fit(release("emr-7.14.0"), python="3.11", applications=["Spark", application])


def test_applications_that_no_fitting_release_has_are_all_named() -> None:
    error = refused("emr-7.14.0", applications=["MXNet", "Sqoop"])
    assert [said.split(".")[0] for said in error.reasons] == ["It has no MXNet", "It has no Sqoop"]
    assert error.fitting == ()


def test_aws_takes_no_notice_of_upper_and_lower_case_in_an_application() -> None:
    require_fit(release("emr-7.14.0"), python="3.11", applications=["SPARK", "jupyterenterprisegateway"])


def test_a_version_that_is_not_known_does_not_hinder() -> None:
    assert release("emr-spark-8.2.0").applications["Livy"] is None
    require_fit(release("emr-spark-8.2.0"), python="3.11", applications=["Livy"])


# -- Delta ------------------------------------------------------------------------------------------------------------


def test_a_table_that_asks_for_more_than_the_release_s_delta_is_refused() -> None:
    tables = {
        "silver.events": TableNeeds({"delta.enableVariantShredding": "true", "delta.enableRowTracking": "true"}),
        "gold.days": TableNeeds({"delta.feature.variantType": "supported"}, is_clustered=True),
    }
    error = refused("emr-7.14.0", tables=tables)
    assert error.reasons == (
        "Table silver.events asks for delta.enableVariantShredding, which Delta has since 4.1, and it has Delta "
        "3.3.2-amzn-3.",
        "Table gold.days asks for delta.feature.variantType, which Delta has since 4.0, and it has Delta 3.3.2-amzn-3.",
    )
    assert error.fitting == ("emr-spark-8.2.0",)
    require_fit(release("emr-spark-8.2.0"), python="3.11", tables=tables)


@pytest.mark.parametrize(
    ("name", "value", "first", "before"),
    [
        ("delta.columnMapping.mode", "name", "1.2.0", "1.1.0"),
        ("delta.enableChangeDataFeed", "true", "2.0.0", "1.2.1"),
        ("delta.enableDeletionVectors", "true", "2.3.0", "2.2.0"),
        ("delta.checkpointPolicy", "v2", "3.0.0", "2.4.0"),
        ("delta.enableRowTracking", "true", "3.2.0-amzn-0", "3.1.0"),
        ("delta.enableTypeWidening", "true", "3.2.0-amzn-0", "3.1.0"),
        ("delta.enableInCommitTimestamps", "true", "3.3.0-amzn-0", "3.2.1-amzn-2"),
        ("delta.feature.clustering", "supported", "3.1.0", "3.0.0"),
        ("delta.feature.identityColumns", "supported", "3.3.0-amzn-0", "3.2.1-amzn-2"),
        ("delta.feature.variantType", "supported", "4.0.0-amzn-1-spark", "3.3.2-amzn-3"),
        ("delta.feature.catalogManaged", "supported", "4.0.1", "4.0.0-amzn-1-spark"),
    ],
)
def test_a_property_is_there_from_its_first_version_on(name: str, value: str, first: str, before: str) -> None:
    needs = TableNeeds({name: value})
    assert list(missing(needs, first)) == []
    assert [what for what, _ in missing(needs, before)] == [name]
    assert [what for what, _ in missing(TableNeeds({name.upper(): value}), before)] == [name.upper()]


def test_clustering_is_asked_for_without_a_property() -> None:
    assert list(missing(TableNeeds(is_clustered=True), "3.0.0")) == [("clustering", "3.1")]
    assert list(missing(TableNeeds(is_clustered=True), "3.1.0")) == []


def test_what_is_switched_off_or_not_known_asks_for_nothing() -> None:
    off = {"delta.enableRowTracking": "False", "delta.checkpointPolicy": "classic", "delta.columnMapping.mode": "none"}
    assert list(missing(TableNeeds({**off, "delta.logRetentionDuration": "interval 9 days", "mine": "1"}), "1.0")) == []


def test_no_two_properties_have_one_name_in_lower_case() -> None:
    assert all(name == name.lower() and name.startswith("delta.") for name in FIRST)
    assert FIRST["delta.feature.v2checkpoint"] == "3.0"


# -- support ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("days", "state"),
    [(-91, "supported"), (-90, "ends soon"), (-1, "ends soon"), (0, "ends soon"), (1, "ended")],
)
def test_support_lasts_until_its_last_day_and_is_short_for_ninety_before_it(days: int, state: str) -> None:
    for found in RELEASES.values():
        assert found.supported_until
        # The life of emr-spark-8.0.0 and 8.1.0 ends with their support.
        if days <= 0 or found.label not in ("emr-spark-8.0.0", "emr-spark-8.1.0"):
            assert support(found, found.supported_until + days * DAY) == state


def test_the_end_of_life_begins_with_its_day() -> None:
    last = date(2028, 11, 22)
    found = release("emr-7.12.0")
    assert [support(found, last + n * DAY) for n in (-1, 0, 1)] == ["ended", "end of life", "end of life"]
    alone = release("emr-spark-8.0.0")
    assert [support(alone, date(2027, 5, 20) + n * DAY) for n in (0, 1)] == ["ends soon", "end of life"]


def test_what_is_not_known_of_support_is_said_by_nobody() -> None:
    found = replace(release("emr-7.12.0"), supported_until=None)
    assert support(found, date(2030, 1, 1)) == "unknown"
    assert warnings(found, date(2030, 1, 1)) == []
    endless = replace(release("emr-7.12.0"), end_of_life=None)
    assert support(endless, date(2050, 1, 1)) == "ended"


def test_a_release_that_is_supported_for_long_is_not_warned_of() -> None:
    assert warnings(release("emr-7.12.0"), date(2027, 8, 22)) == []


@pytest.mark.parametrize(
    ("today", "when"),
    [(date(2027, 8, 23), "in 90 days"), (date(2027, 11, 20), "tomorrow"), (date(2027, 11, 21), "today")],
)
def test_the_end_of_support_is_announced(today: date, when: str) -> None:
    assert warnings(release("emr-7.12.0"), today) == [
        f"AWS supports emr-7.12.0 until 2027-11-21: support ends {when}. Move to emr-7.14.0."
    ]


@pytest.mark.parametrize("today", [date(2027, 11, 22), date(2028, 11, 21)])
def test_the_end_of_support_is_said_until_the_end_of_life(today: date) -> None:
    assert warnings(release("emr-7.12.0"), today) == [
        "Support of emr-7.12.0 ended with 2027-11-21: AWS mends nothing in it and answers no case. Move to emr-7.14.0."
    ]


@pytest.mark.parametrize("today", [date(2028, 11, 22), date(2028, 11, 23)])
def test_the_end_of_life_is_said(today: date) -> None:
    assert warnings(release("emr-7.12.0"), today) == [
        "emr-7.12.0 is at its end of life since 2028-11-22: AWS may take it away at any time. Its support ended with "
        "2027-11-21. Move to emr-7.14.0."
    ]


@pytest.mark.parametrize(("today", "is_said"), [(date(2027, 8, 31), True), (date(2027, 9, 1), False)])
def test_extended_support_is_named_while_it_lasts(today: date, is_said: bool) -> None:
    (said,) = warnings(release("emr-7.3.0"), today)
    assert said.startswith("Support of emr-7.3.0 ended with 2026-10-16")
    assert ("extended support has it until 2027-08-31." in said) == is_said


@pytest.mark.parametrize(
    ("label", "to"),
    [
        ("emr-6.9.0", "emr-7.14.0"),
        ("emr-6.15.0", "emr-7.14.0"),  # the newest of its line, and no other of it is supported for longer
        ("emr-7.13.0", "emr-7.14.0"),
        ("emr-7.14.0", "emr-spark-8.2.0"),
        ("emr-spark-8.0.0", "emr-spark-8.2.0"),
        ("emr-spark-8.1.0", "emr-spark-8.2.0"),
    ],
)
def test_the_way_out_is_the_newest_of_the_line_or_else_of_the_next(label: str, to: str) -> None:
    (said,) = warnings(release(label), date(2032, 1, 1))
    assert said.endswith(f" Move to {to}.")


def test_the_newest_of_all_has_none_to_move_to() -> None:
    (said,) = warnings(release("emr-spark-8.2.0"), date(2032, 1, 1))
    assert said.endswith("answers no case.")
