import gzip

import pytest

from framework.emr.logs.mask import AcrossLines, masked
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
    r'{"SecretString":"{\"password\":\"hunter2x\"}"}': "hunter2x",
    r"answer: {\"user\": \"etl\", \"password\": \"hunter2x two\", \"port\": 1}": "hunter2x",
    r"\\\"password\\\":\\\"hunter\"2x\\\"": "2x",
    '{"password": "two wordsx here", "user": "etl"}': "wordsx",
    "password='two wordsx here'": "wordsx",
    "Unfinished: {'password': 'two wordsx he": "wordsx",
    "--db-password 'two wordsx here' --user etl": "wordsx",
    '["--password", "two wordsx here"]': "wordsx",
    "<name>javax.jdo.option.ConnectionPassword</name><value>hunter2 x</value>": "hunter2 x",
    '<property name="db.password" value="hunter2x"/>': "hunter2x",
    '{"Name": "DB_PASSWORD", "Value": "hunter2x"}': "hunter2x",
    "('spark.db.password', 'hunter2x')": "hunter2x",
    "(spark.db.password,hunter2x)": "hunter2x",
    "password=b'hunter2x'": "hunter2x",
    "Map(password -> hunter2x, user -> x)": "hunter2x",
    'password="""hunter2x"""': "hunter2x",
    "<password><![CDATA[hunter2x]]></password>": "hunter2x",
    '{"password": ["hunter2x", "b"]}': "hunter2x",
    '{"password": {"value": "hunter2x"}}': "hunter2x",
    "https://x/?token=hunter2x": "hunter2x",
    "url=x pass=hunter2x": "hunter2x",
    "authorization: token hunter2x": "hunter2x",
    "%22password%22%3A%22hunter2x%22": "hunter2x",
    "&quot;password&quot;:&quot;hunter2x y&quot;": "hunter2x",
    "CREATE USER etl IDENTIFIED BY 'hunter2x'": "hunter2x",
    "Set-Cookie: session=hunter2x": "hunter2x",
    "curl -s -u etl:hunter2x https://h": "hunter2x",
    r"password=ab\hunter2x": "hunter2x",
    "password=true-hunter2x": "hunter2x",
    "privateKey=MIIEvQIBADANBg": "MIIEvQIBADANBg",
    "secret key: hunter2x": "hunter2x",
    "GITHUB_TOKEN=hunter2x": "hunter2x",
    "AccountName=a;AccountKey=hunter2x==;": "hunter2x",
    "https://a.blob/x?sv=1&sig=hunter2x%3D&se=1": "hunter2x",
    r"got -----BEGIN RSA PRIVATE KEY-----\nMIIEhunter2x\n-----END RSA PRIVATE KEY-----\n": "hunter2x",
    "got -----BEGIN PRIVATE KEY-----MIIEhunter2x": "hunter2x",
    "postgres:" + "//u:p@sswordx@h/db": "sswordx",
    "postgres:" + "//u:p/sswordx@h/db": "sswordx",
    "redis:" + "//:hunter2x@h:1/0": "hunter2x",
    "jdbc:oracle:thin:scott/tigerx@//h:1521/x": "tigerx",
    "jdbc:oracle:thin:scott/ti@gerx@h": "gerx",
    "cloned with ghp_" + "0123456789abcdefABCDEF0123456789abcd": "0123456789abcdef",
    "cloned with github_pat_" + "11ABCDEFG0_0123456789abcdef": "0123456789abcdef",
    "posted with xoxb-" + "123456789012-hunter2x": "hunter2x",
    "https://hooks.slack.com/services/T0/B0/hunter2x": "hunter2x",
}
LEFT = [
    "org.apache.spark.SparkException: Job aborted due to stage failure: Task 0 in stage 2.0 failed 4 times",
    '  File "/usr/lib/spark/python/lib/pyspark.zip/pyspark/sql/classic/dataframe.py", line 443, in collect',
    "read 123456789012 bytes",
    "commit 1b6453892473a467d07372d45eb05abc2031647a",
    "s3://lake/silver/flights/part-00000-6f1c2b7e-5d0e-4c0c-9e3b-3a1d3c5b7f11-c000.snappy.parquet",
    "Secret 'orders_db.password' is missing; looked for in the environment.",
    "ModuleNotFoundError: No module named 'absent_package'",
    "expected ')' and found the token: x",
    "http://ip-10-0-0-1:8088/proxy/application_1_1/?user=a@b",
    "wrong password, try again",
    "the columns are (id, name)",
    "aws.secrets = true.",
    '<property name="fs.s3a.endpoint" value="x"/>',
    "read task-0123456789abcdefghijk",
    "\tat org.apache.spark.sql.execution.datasources.v2.DataSourceV2Strategy$$anonfun$1.apply(Strategy.scala:1)",
]


@pytest.mark.parametrize(("line", "secret"), PLANTED.items())
def test_what_is_secret_is_hidden(line: str, secret: str) -> None:
    assert secret not in masked(line)
    assert "****" in masked(line)


@pytest.mark.parametrize("line", LEFT)
def test_what_is_not_secret_is_left_as_it_is(line: str) -> None:
    assert masked(line) == line


KEY = """\
-----BEGIN EC PRIVATE KEY-----
MHcCAQEEIBexampleexampleexampleexampleexampleexample+oAoGCCqGSM49
AwEHoUQDQgAEexample
abcd==
-----END EC PRIVATE KEY-----
done now"""
HEADERS = "Proc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,00\n\nMHcC"


@pytest.mark.parametrize(
    "text",
    [
        KEY,
        KEY.replace("\n", "\r\n"),
        "key: " + KEY.replace("\n", "\n    ").replace("    done", "done"),
        KEY.replace("MHcC", HEADERS, 1),
        '"' + KEY.replace("\n", '\\n" +\n"'),
    ],
)
def test_a_private_key_is_hidden_to_its_last_line_and_no_further(text: str) -> None:
    hide = AcrossLines()
    said = [masked(hide(line)) for line in text.split("\n")]
    assert len(said) == len(text.split("\n"))
    assert not [line for line in said if "MHcC" in line or "AwEH" in line or "abcd" in line]
    assert "BEGIN EC PRIVATE KEY" in said[0]
    assert said[-1].endswith("done now")


def test_a_private_key_is_hidden_behind_what_a_logger_puts_before_each_line() -> None:
    hide = AcrossLines()
    said = [masked(hide(f"26/11/21 19:22:11 INFO Loader: {line}")) for line in KEY.splitlines()[:3]]
    assert "MHcC" not in said[1]
    assert "AwEH" not in said[2]


def test_what_only_tells_of_a_key_hides_none_of_the_lines_below() -> None:
    hide = AcrossLines()
    lines = ["ValueError: wants -----BEGIN PRIVATE KEY-----", "\tat org.apache.spark.deploy.yarn.Client.run(C.scala:1)"]
    assert [hide(line) for line in lines] == lines


def test_a_value_on_the_line_below_its_name_is_hidden() -> None:
    hide = AcrossLines()
    lines = [
        "<property>",
        " <name>x.ConnectionPassword</name>",
        " <value>hunter2</value>",
        "<name>y</name>",
        "<value>1</value>",
    ]
    assert [masked(hide(line)) for line in lines] == [*lines[:2], " <value>****</value>", *lines[3:]]


def test_no_command_prints_a_private_key(bucket: Bucket) -> None:
    emr = Emr(bucket, prefix="private-key")
    emr.put_step(stderr=YARN_CLIENT)
    emr.put_container(1, stdout=f"RuntimeError: broken\n{KEY}\n" + "x\n" * 10)
    emr.put_container(2, stdout=KEY)
    printed = [
        emr.run("why", STEP, "--cluster", CLUSTER),
        emr.run("logs", STEP, "--cluster", CLUSTER),
        emr.run("logs", STEP, "--cluster", CLUSTER, "--follow"),
        emr.run("logs", STEP, "--cluster", CLUSTER, "--executor", "1"),
    ]
    for said in printed:
        assert said.code == 0, said.err
        assert "AwEH" not in said.out
        assert "abcd==" not in said.out


def test_the_last_lines_begin_in_a_private_key_and_show_none_of_it(bucket: Bucket) -> None:
    emr = Emr(bucket, prefix="last-lines")
    emr.put_step(stderr=YARN_CLIENT.replace("ERROR", "INFO").split("Exception")[0])
    emr.put_container(1, stdout=f"{KEY}\n" + "x\n" * 11)
    said = emr.run("why", STEP, "--cluster", CLUSTER).out
    assert "ends with:\n  ****\n  ****\n" in said
    assert "abcd==" not in said


def test_nothing_of_a_real_log_is_hidden_but_request_ids() -> None:
    for file in sorted(FAILURES.glob("*.gz")):
        hide = AcrossLines()
        for line in gzip.decompress(file.read_bytes()).decode().splitlines():
            assert masked(hide(line)) == line or "Request ID" in line or "session.SessionState" in line, (
                file.name,
                line,
            )


def test_of_a_variable_that_fills_its_line_all_is_hidden() -> None:
    assert masked("export DB_PASSWORD=hun,ter&2;x") == "export DB_PASSWORD=****"


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
