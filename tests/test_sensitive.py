import pytest

from framework.sensitive import has_form, is_secret, named_values, shown_arguments


@pytest.mark.parametrize(
    "name",
    [
        *("token", "api_token", "API-TOKEN", "apiToken", "auth_token", "access_token", "refreshToken", "client_secret"),
        *("db_password", "dbPassword", "PGPASSWORD", "MYSQL_PWD", "password1", "pass", "db_pass", "requirepass", "pw"),
        *("fs.s3a.access.key", "fs.s3a.secret.key", "privateKey", "api_key", "spark.authenticate.secret", "secret"),
        *("parquet.encryption.key.list", "aws_secret_access_key", "credentials", "keystore_passphrase", "vault_token"),
        *("password_next_token", "page_token_secret", "bearer", "spark.redis.auth", "spark.es.net.http.auth.pass"),
    ],
)
def test_what_is_a_secret_by_its_name(name: str) -> None:
    assert is_secret(name, "hunter2")


@pytest.mark.parametrize(
    "name",
    [
        *(
            "next_token",
            "page_token",
            "nextPageToken",
            "pageToken",
            "continuation-token",
            "next.page.token",
            "sync_token",
        ),
        *("from_secret", "password_from_secret", "secret_name", "secretName", "secret_id", "token_file", "secret-arn"),
        *("token_type", "token_url", "password_column", "secret_region", "secret_manager", "credentials_provider"),
        *("tokens", "max_tokens", "tokenizer", "secrets", "passenger", "passes", "first_pass", "monkey", "keys", "key"),
        *("primary_key", "partition_key", "account_key", "kms_key", "key_pair", "keyspace", "mapKeyDedupPolicy"),
        *("use_password", "no-password", "ask-pass", "spark.sql.bucketing.enabled", "compass", "bypass", "author"),
        *(
            "spark.security.credentials.hive.enabled",
            "dfs.namenode.delegation.token.max-lifetime",
            "pwdx",
            "url",
            "password_key",
            "secret_from",
        ),
    ],
)
def test_what_only_sounds_like_a_secret_by_its_name(name: str) -> None:
    assert not is_secret(name, "hunter2")


@pytest.mark.parametrize(
    "value",
    [
        *("", "true", "none", "16", "0.75", "3600s", "$PASSWORD", "${PASSWORD}", "$(aws x)", "`cat x`", "<password>"),
        *("arn:aws:secretsmanager:eu-west-1:123456789012:secret:db", "alias/lake", "{{secrets/a/b}}", "****"),
        *("/run/secrets/db", "./token", "~/.ssh/id_rsa", "s3://b/token", "https://host/token", "conf/token.json"),
        *("secrets.token_hex(8)", "os.environ['X']", "%PASSWORD%", "2026-11-21"),
        *("orders_db.password", "EMR.secret@prod/db", '{"name": "prod/db"}'),
    ],
)
def test_what_cannot_be_a_secret_under_any_name(value: str) -> None:
    assert not is_secret("password", value)
    assert not has_form(value)


def test_a_key_of_kms_is_no_secret_and_one_of_sse_c_is() -> None:
    name = "spark.hadoop.fs.s3a.encryption.key"
    assert not is_secret(name, "1234abcd-12ab-34cd-56ef-1234567890ab")
    assert is_secret(name, "SGVscCwgSSdtIHRyYXBwZWQgaW5zaWRlIGEgYmFzZTY=")
    assert is_secret("api_key", "1234abcd-12ab-34cd-56ef-1234567890ab")


def test_forty_letters_are_a_secret_only_where_they_are_random() -> None:
    secret = "/Jb2XvQ8mPzR4tYw1KcN7dLf0HsG5aUe9BiOo3Mx"
    assert has_form(f"use {secret} here")
    assert is_secret("token", secret)
    for text in (
        "0123456789abcdef0123456789abcdef01234567",
        "Daily/Reports2026/Europe/Germany/Berlin1",
        "s3://b/Datalak/lakegate/0A1b2C3d4E5f6A7b/deps",
        "ABCDEFGHIJKLMNOPQRSTUVWXYZ01234567890123",
    ):
        assert not has_form(text)


HARMLESS = [
    ["hadoop-streaming", "-files", "s3://b/map.py", "-mapper", "python3 -u map.py -p orders"],
    ["flink", "run", "-m", "yarn-cluster", "-p", "many", "-c", "x.Main", "-u", "etl"],
    ["bash", "-c", "set -euo pipefail; mkdir -p out && sudo -u hadoop hdfs dfs -mkdir -p logs"],
    ["bash", "-c", 'PW=$(aws secretsmanager get-secret-value --secret-id db); PGPASSWORD="$PW" psql -U etl -p 5432'],
    ["bash", "-c", 'curl -u "$USER:$PASS" -H "Authorization: Bearer ${TOKEN}" https://h; docker run -u 1:1 -p 80:80 x'],
    ["bash", "-c", 'if [ "$token" == "abc" ]; then echo; fi; git clone git@github.com:org/repo.git'],
    ["bash", "-c", "python3 - <<E\nimport secrets\ntoken = secrets.token_hex(8)\nE"],
    ["--columns", "token,password_hash", "--exclude", "password", "--regex", "(?i)secret|password|token|access[.]?key"],
    ["-u", "s3://b/x", "-p", "out"],
    ["-u", "-p", "orders"],
    ["--user", "etl", "-p", "2026-11-21"],
    ['{"columns": ["token", "password"], "secret": {"name": "prod/db"}, "token": ""}'],
    ["jdbc:sqlserver://h:1433;databaseName=x;integratedSecurity=true", "mongodb://h1:27017,h2:27017/db"],
    ["https://h:443/a@b:c", "kafka1:9092,kafka2:9092", "--email", "a.b@c.com,d@e.f", "s3://b/2026-11-21T12:00:00@v1"],
    [
        "--note",
        "Bearer bonds 2026 quarterly",
        "--title",
        "Basic Income Statistics2026",
        "--language",
        "sk-SK-2026-11-21",
    ],
    ["--id", "6f1c2b7e-5d0e-4c0c-9e3b-3a1d3c5b7f11", "--commit", "1b6453892473a467d07372d45eb05abc2031647a"],
]
SECRET = [
    ["bash", "-c", "echo x && sshpass -p hunter2 ssh h"],
    ["bash", "-c", "mysql -uetl -phunter2 db"],
    ["bash", "-c", "redis-cli -h h -a hunter2 ping"],
    ["bash", "-c", "beeline -n etl -p hunter2 -e q"],
    ["bash", "-c", "hadoop credential create a -value hunter2 -provider p"],
    ["bash", "-c", "openssl enc -pass pass:hunter2 -in x"],
    ["bash", "-c", "cat > f <<E\nuser: etl\npassword: hunter2\nE"],
    ["bash", "-c", "./run --password 'hunter two"],
    ['{\\"password\\":\\"hunter2\\"}'],
    ["alter user a password 'hunter2'"],
    ["copy t from 's3://b' access_key_id 'x' secret_access_key 'hunter2'"],
    ["AccountName=a;AccountKey=aHVudGVyMmh1bnRlcjI=;"],
    ['org.apache.kafka.x.PlainLoginModule required username="a" password="hunter2";'],
]


def found(arguments: list[str]) -> bool:
    named = any(is_secret(*pair) for pair in named_values(arguments))
    return named or any(has_form(text) for text in (*arguments, " ".join(arguments)))


@pytest.mark.parametrize("arguments", HARMLESS, ids=" ".join)
def test_everyday_arguments_hold_no_secret(arguments: list[str]) -> None:
    assert not found(arguments)


@pytest.mark.parametrize("arguments", SECRET, ids=" ".join)
def test_arguments_that_hold_a_secret(arguments: list[str]) -> None:
    assert found(arguments)


def test_arguments_are_shown_without_their_secrets() -> None:
    given = ["--user", "etl", "-p", "hunter2", "--url", "jdbc:x://h;password=hunter2", "--password", "$X", "s3://b/x"]
    masked = "**********"
    assert shown_arguments(given) == ["--user", "etl", "-p", masked, "--url", masked, "--password", "$X", "s3://b/x"]
