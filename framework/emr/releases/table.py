"""The releases of Amazon EMR since Delta Lake is among them, as rows: newest first, as of 21 November 2026.

Versions are those of the Release Guide's tables of application versions. Days of emr-6 and emr-7 are those of the table
in its page on standard support, where patch releases share the days of support of their minor release. Days of
emr-spark-8 are those of each release's own page. The default Python changed by what the notes of 7.13.0 say.
"""

# Support ends with the second day (standard) and the third (extended: on request, for those who migrate). From the
# fourth on a release is at its end of life. Of Pythons the first is PySpark's default. `-`: there is none, or it is not
# known. The page on standard support gives emr-spark-8.0.0 a year more than its own page does; the earlier day is here.
RELEASES = """
emr-spark-8.2.0 2026-11-18 2029-11-17 -          -          4.1.3-amzn-0   4.2.0-amzn-0       3.11,3.13      S3A   LTS
emr-spark-8.1.0 2026-09-08 2029-09-07 -          2029-09-08 4.1.1-amzn-0   4.2.0-amzn-0       3.11,3.13      S3A   LTS
emr-spark-8.0.0 2026-05-21 2027-05-20 -          2027-05-20 4.0.2-amzn-0   4.0.0-amzn-1-spark 3.11,3.12,3.13 S3A
emr-7.14.0      2026-09-08 2028-09-08 -          2029-09-08 3.5.8-amzn-0   3.3.2-amzn-3       3.11,3.9       S3A
emr-7.13.0      2026-04-21 2028-04-20 -          2029-04-21 3.5.6-amzn-2   3.3.2-amzn-2       3.11,3.9       S3A
emr-7.12.0      2025-11-21 2027-11-21 -          2028-11-22 3.5.6-amzn-1   3.3.2-amzn-1       3.9,3.11       S3A
emr-7.11.0      2025-11-03 2027-11-03 -          2028-11-04 3.5.6-amzn-0   3.3.2-amzn-0       3.9,3.11       S3A
emr-7.10.0      2025-08-15 2027-08-15 2027-08-31 2028-08-31 3.5.5-amzn-1   3.3.0-amzn-2       3.9,3.11       S3A
emr-7.9.0       2025-05-19 2027-05-19 2027-08-31 2028-08-31 3.5.5-amzn-0   3.3.0-amzn-1       3.9,3.11       EMRFS
emr-7.8.0       2025-03-07 2027-03-07 2027-08-31 2028-08-31 3.5.4-amzn-0   3.3.0-amzn-0       3.9,3.11       EMRFS
emr-7.7.0       2025-02-06 2027-02-06 2027-08-31 2028-08-31 3.5.3-amzn-1   3.2.1-amzn-2       3.9,3.11       EMRFS
emr-7.6.0       2025-01-10 2027-01-10 2027-08-31 2028-08-31 3.5.3-amzn-0   3.2.1-amzn-1       3.9,3.11       EMRFS
emr-7.5.0       2024-11-21 2026-11-21 2027-08-31 2028-08-31 3.5.2-amzn-1   3.2.1-amzn-0       3.9,3.11       EMRFS
emr-7.4.0       2024-11-13 2026-11-13 2027-08-31 2028-08-31 3.5.2-amzn-0   3.2.0-amzn-1       3.9,3.11       EMRFS
emr-7.3.0       2024-10-16 2026-10-16 2027-08-31 2028-08-31 3.5.1-amzn-1   3.2.0-amzn-0       3.9,3.11       EMRFS
emr-7.2.0       2024-07-25 2026-08-31 2027-08-31 2028-08-31 3.5.1-amzn-0   3.1.0              3.9,3.11       EMRFS
emr-7.1.0       2024-04-23 2026-08-31 2027-08-31 2028-08-31 3.5.0-amzn-1   3.0.0              3.9,3.11       EMRFS
emr-7.0.0       2023-12-19 2026-08-31 2027-08-31 2028-08-31 3.5.0-amzn-0   3.0.0              3.9            EMRFS
emr-6.15.0      2023-11-13 2026-08-31 2027-06-30 2028-07-01 3.4.1-amzn-2   2.4.0              3.7,2.7        EMRFS
emr-6.14.0      2023-10-04 2026-08-31 2027-06-30 2028-07-01 3.4.1-amzn-1   2.4.0              3.7,2.7        EMRFS
emr-6.13.0      2023-09-23 2026-08-31 2027-06-30 2028-07-01 3.4.1-amzn-0   2.4.0              3.7,2.7        EMRFS
emr-6.12.0      2023-07-21 2026-08-31 2027-06-30 2028-07-01 3.4.0-amzn-0   2.4.0              3.7,2.7        EMRFS
emr-6.11.1      -          2026-08-31 2027-06-30 2028-07-01 3.3.2-amzn-0.1 2.2.0              3.7,2.7        EMRFS
emr-6.11.0      2023-05-16 2026-08-31 2027-06-30 2028-07-01 3.3.2-amzn-0   2.2.0              3.7,2.7        EMRFS
emr-6.10.1      -          2026-08-31 2027-06-30 2028-07-01 3.3.1-amzn-0.1 2.2.0              3.7,2.7        EMRFS
emr-6.10.0      2023-02-27 2026-08-31 2027-06-30 2028-07-01 3.3.1-amzn-0   2.2.0              3.7,2.7        EMRFS
emr-6.9.1       -          2026-08-31 2027-06-30 2028-07-01 3.3.0-amzn-1.1 2.1.0              3.7,2.7        EMRFS
emr-6.9.0       2022-11-14 2026-08-31 2027-06-30 2028-07-01 3.3.0-amzn-1   2.1.0              3.7,2.7        EMRFS
"""

# Each line's other applications by their names in the API, in the releases from its newest to its oldest.
# `x-amzn-3..0` counts down, `x*4` stands four times, `-` is not in the release, `?` is in it in a version not known.
APPLICATIONS = {
    "emr-spark-8": {
        "AmazonCloudWatchAgent": "? 1.300034.0-amzn-0 1.300032.2-amzn-0",
        "Hudi": "1.1.1-amzn-0*2 1.1.0-amzn-0",
        "Iceberg": "1.11.0-amzn-0*2 1.10.1-amzn-0",
        "JupyterEnterpriseGateway": "? 2.6.0*2",
        "Livy": "? 0.9.0-incubating 0.8.0-incubating",
    },
    "emr-7": {
        "AmazonCloudWatchAgent": "1.300032.2-amzn-0*14 1.300031.1-amzn-0",
        "Flink": "1.20.0-amzn-8..0 1.19.1-amzn-1..0 1.18.1-amzn-2..0 1.18.0-amzn-0",
        "HBase": (
            "2.6.4-amzn-2 2.6.4-amzn-0 2.6.2-amzn-3..0 2.6.1-amzn-2..0 2.5.10-amzn-0 2.5.5-amzn-0 2.4.17-amzn-7..4"
        ),
        "HCatalog": "3.1.3-amzn-24 3.1.3-amzn-22..9",
        "Hadoop": "3.4.2-amzn-2 3.4.2-amzn-0 3.4.1-amzn-4..0 3.4.0-amzn-3..0 3.3.6-amzn-5..2",
        "Hive": "3.1.3-amzn-24 3.1.3-amzn-22..9",
        "Hudi": "1.0.2-amzn-3..0 0.15.0-amzn-7..0 0.14.1-amzn-1..0 0.14.0-amzn-1",
        "Hue": "4.11.0*15",
        "Iceberg": (
            "1.10.1-amzn-1 1.10.0-amzn-1..0 1.9.1-amzn-0 1.8.1-amzn-0 1.7.1-amzn-2..0 1.6.1-amzn-2..0 "
            "1.5.2-amzn-0 1.5.0-amzn-0 1.4.3-amzn-0 1.4.2-amzn-0"
        ),
        "JupyterEnterpriseGateway": "2.6.0*15",
        "JupyterHub": "1.5.0*15",
        "Livy": "0.8.0-incubating*14 0.7.1-incubating",
        "MXNet": "-*12 1.9.1*3",
        "Oozie": "5.2.1*15",
        "Phoenix": "5.3.0*2 5.2.1*6 5.2.0*3 5.1.3*4",
        "Pig": "0.17.0*15",
        "Presto": "0.287-amzn-8..1 0.287-amzn-1 0.287-amzn-0*2 0.285-amzn-1..0 0.284-amzn-0 0.283-amzn-1",
        "Sqoop": "-*10 1.4.7*5",
        "TensorFlow": "2.19.0*4 2.18.0 2.16.1*7 2.11.0*3",
        "Tez": "0.10.2-amzn-22 0.10.2-amzn-20..7",
        "Trino": (
            "479-amzn-2..1 476-amzn-1 475-amzn-0 470-amzn-0 467-amzn-2..0 457-amzn-0 446-amzn-0*2 "
            "442-amzn-0 436-amzn-0 435-amzn-0 426-amzn-1"
        ),
        "Zeppelin": "0.11.1*12 0.10.1*3",
        "ZooKeeper": ("3.9.3-amzn-7 3.9.3-amzn-5..0 3.9.2-amzn-1 3.9.2-amzn-0*3 3.9.1-amzn-1*2 3.9.1-amzn-0 3.5.10"),
    },
    "emr-6": {
        "Flink": "1.17.1-amzn-1..0 1.17.0*2 1.16.0*4 1.15.2*2",
        "Ganglia": "3.7.2*10",
        "HBase": (
            "2.4.17-amzn-3..0 2.4.15-amzn-1.1 2.4.15-amzn-1 2.4.15-amzn-0.1 2.4.15-amzn-0 2.4.13-amzn-0.1 2.4.13-amzn-0"
        ),
        "HCatalog": (
            "3.1.3-amzn-8..5 3.1.3-amzn-4.1 3.1.3-amzn-4 3.1.3-amzn-3.1 3.1.3-amzn-3 3.1.3-amzn-2.1 3.1.3-amzn-2"
        ),
        "Hadoop": (
            "3.3.6-amzn-1 3.3.3-amzn-6..4 3.3.3-amzn-3.1 3.3.3-amzn-3 3.3.3-amzn-2.1 3.3.3-amzn-2 "
            "3.3.3-amzn-1.1 3.3.3-amzn-1"
        ),
        "Hive": "3.1.3-amzn-8..5 3.1.3-amzn-4.1 3.1.3-amzn-4 3.1.3-amzn-3.1 3.1.3-amzn-3 3.1.3-amzn-2.1 3.1.3-amzn-2",
        "Hudi": "0.14.0-amzn-0 0.13.1-amzn-2..0 0.13.0-amzn-0*2 0.12.2-amzn-0*2 0.12.1-amzn-0*2",
        "Hue": "4.11.0*6 4.10.0*4",
        "Iceberg": "1.4.0-amzn-0 1.3.1-amzn-0 1.3.0-amzn-1..0 1.2.0-amzn-0*2 1.1.0-amzn-0*2 0.14.1-amzn-0*2",
        "JupyterEnterpriseGateway": "2.6.0*10",
        "JupyterHub": "1.5.0*3 1.4.1*3 1.5.0*2 1.4.1*2",
        "Livy": "0.7.1-incubating*10",
        "MXNet": "1.9.1*10",
        "Oozie": "5.2.1*10",
        "Phoenix": "5.1.3*4 5.1.2*6",
        "Pig": "0.17.0*10",
        "Presto": "0.283-amzn-0 0.281-amzn-2..0 0.279-amzn-0*2 0.278.1-amzn-0*2 0.276-amzn-0*2",
        "Sqoop": "1.4.7*10",
        "TensorFlow": "2.11.0*8 2.10.0*2",
        "Tez": (
            "0.10.2-amzn-6..3 0.10.2-amzn-2.1 0.10.2-amzn-2 0.10.2-amzn-1.1 0.10.2-amzn-1 0.10.2-amzn-0.1 0.10.2-amzn-0"
        ),
        "Trino": "426-amzn-0 422-amzn-0 414-amzn-1..0 410-amzn-0*2 403-amzn-0*2 398-amzn-0*2",
        "Zeppelin": "0.10.1*10",
        "ZooKeeper": "3.5.10*10",
    },
}
