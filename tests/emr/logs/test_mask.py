import gzip

import pytest

from framework.emr.logs.mask import masked
from tests.emr.amazon import refusal
from tests.emr.laid_out import APPLICATION, CLUSTER, FAILURES, STEP, YARN_CLIENT, Emr
from tests.s3.server import Bucket

# Made up, in the forms that the real ones have.
KEY_ID, SECRET = "AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
TOKEN = "IQoJb3JpZ2luX2VjEDoaCXVzLWVhc3QtMSJHMEUCIQDexample0123456789abcdefghijklmnop=="
JWT = "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N_XgL0n3I9PlFUP0THsR8U"
ACCOUNT = "123456789012"
PLANTED = {
    f"fs.s3a.access.key={KEY_ID}": KEY_ID,
    f"AWS_SECRET_ACCESS_KEY={SECRET}": SECRET,
    f'"secretAccessKey": "{SECRET}"': SECRET,
    f"--conf spark.hadoop.fs.s3a.secret.key={SECRET} --name x": SECRET,
    f"the key {SECRET} is": SECRET,
    f"AWS_SESSION_TOKEN={TOKEN}": TOKEN,
    f"<SessionToken>{TOKEN}</SessionToken>": TOKEN,
    f"token was {TOKEN}": TOKEN,
    "jdbc:postgresql:" + "//etl:hunter2hunter2@db:5432/orders": "hunter2hunter2",  # in parts: no file names one whole
    "java -jar x.jar --password hunter2hunter2 --user etl": "hunter2hunter2",
    "--db-password=hunter2hunter2": "hunter2hunter2",
    "password: hunter2hunter2": "hunter2hunter2",
    "LAKEGATE_SECRETS__ORDERS_DB_PASSWORD=hunter2hunter2": "hunter2hunter2",
    "LAKEGATE_SECRETS__ORDERS_DB_URL=hunter2hunter2": "hunter2hunter2",
    "{'password': 'hunter2hunter2', 'user': 'etl'}": "hunter2hunter2",
    f"Authorization: Bearer {JWT}": JWT,
    f"got {JWT}": JWT,
    "Authorization: Basic aHVudGVyMjpodW50ZXIy": "aHVudGVyMjpodW50ZXIy",
    "https://b.s3.amazonaws.com/k?X-Amz-Signature=0a1b2c3d4e5f&X-Amz-Date=1": "0a1b2c3d4e5f",
    f"https://b/k?X-Amz-Credential={KEY_ID}%2F20261121&x=1": KEY_ID,
    f"User: arn:aws:sts::{ACCOUNT}:assumed-role/EMR_EC2_DefaultRole/i-0 is not authorized": ACCOUNT,
    f"arn:aws-cn:iam::{ACCOUNT}:role/x": ACCOUNT,
    f"s3://aws-logs-{ACCOUNT}-eu-central-1/elasticmapreduce/": ACCOUNT,
    f"{ACCOUNT}.dkr.ecr.eu-central-1.amazonaws.com/image": ACCOUNT,
    f'{{"Account": "{ACCOUNT}"}}': ACCOUNT,
}
LEFT = [
    "org.apache.spark.SparkException: Job aborted due to stage failure: Task 0 in stage 2.0 failed 4 times",
    '  File "/usr/lib/spark/python/lib/pyspark.zip/pyspark/sql/classic/dataframe.py", line 443, in collect',
    "read 123456789012 bytes",
    "commit 1b6453892473a467d07372d45eb05abc2031647a",
    "s3://lake/silver/flights/part-00000-6f1c2b7e-5d0e-4c0c-9e3b-3a1d3c5b7f11-c000.snappy.parquet",
    "Secret 'orders_db.password' is missing; looked for in the environment.",
    "ModuleNotFoundError: No module named 'absent_package'",
    "\tat org.apache.spark.sql.execution.datasources.v2.DataSourceV2Strategy$$anonfun$1.apply(Strategy.scala:1)",
]


@pytest.mark.parametrize(("line", "secret"), PLANTED.items())
def test_what_is_secret_is_hidden(line: str, secret: str) -> None:
    assert secret not in masked(line)
    assert "****" in masked(line)


@pytest.mark.parametrize("line", LEFT)
def test_what_is_not_secret_is_left_as_it_is(line: str) -> None:
    assert masked(line) == line


def test_nothing_of_a_real_log_is_hidden_but_request_ids() -> None:
    for file in sorted(FAILURES.glob("*.gz")):
        for line in gzip.decompress(file.read_bytes()).decode().splitlines():
            assert masked(line) == line or "Request ID" in line or "session.SessionState" in line, (file.name, line)


def test_what_aws_refuses_names_no_account(bucket: Bucket) -> None:
    reason = f"User: arn:aws:iam::{ACCOUNT}:user/etl is not authorized to perform: elasticmapreduce:DescribeStep"
    emr = Emr(bucket, answers={"describe_step": [refusal("DescribeStep", "AccessDeniedException", reason)]})
    said = emr.run("why", STEP, "--cluster", CLUSTER).err
    assert "User: arn:aws:iam::<account>:user/etl is not authorized to perform: elasticmapreduce:DescribeStep" in said


def test_no_command_prints_what_was_planted(bucket: Bucket) -> None:
    lines = [f"26/11/21 19:22:11 ERROR Loader: {line}" for line in PLANTED]
    traced = "".join(f"RuntimeError: {line}\n" for line in PLANTED)
    trace = f'Traceback (most recent call last):\n  File "/x/container_1_1/program.py", line 1, in <module>\n{traced}'
    failure = {
        "Reason": f"arn:aws:iam::{ACCOUNT}:role/x",
        "Message": f"password={SECRET}",
        "LogFile": f"s3://x/{TOKEN}",
    }
    emr = Emr(bucket, prefix=f"aws-logs-{ACCOUNT}-eu-central-1", details=failure)
    emr.put_step(stderr=YARN_CLIENT)
    emr.put_container(1, stderr="\n".join(lines), stdout=trace)

    printed = [
        emr.run("why", STEP, "--cluster", CLUSTER),
        emr.run("logs", STEP, "--cluster", CLUSTER),
        emr.run("logs", STEP, "--cluster", CLUSTER, "--executor", "7"),
        emr.run("logs", STEP, "--cluster", CLUSTER, "--follow"),
    ]

    assert [said.code for said in printed] == [0, 0, 1, 0]
    assert f"containers/{APPLICATION}/" in printed[0].out
    for said in printed:
        for secret in PLANTED.values():
            assert secret not in said.out + said.err
