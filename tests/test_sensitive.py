import pytest

from framework.sensitive import has_form, is_secret, shown_arguments


@pytest.mark.parametrize(
    "name",
    [
        *("token", "api_token", "API-TOKEN", "apiToken", "auth_token", "access_token", "refreshToken", "client_secret"),
        *("db_password", "dbPassword", "PGPASSWORD", "MYSQL_PWD", "password1", "pass", "db_pass", "requirepass", "pw"),
        *("fs.s3a.access.key", "fs.s3a.secret.key", "privateKey", "api_key", "spark.authenticate.secret", "secret"),
        *("parquet.encryption.key.list", "aws_secret_access_key", "credentials", "keystore_passphrase", "vault_token"),
        *("password_next_token", "page_token_secret"),
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
        *("spark.security.credentials.hive.enabled", "dfs.namenode.delegation.token.max-lifetime", "pwdx", "url"),
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
        *("secrets.token_hex(8)", "os.environ['X']", "%PASSWORD%"),
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


def test_arguments_are_shown_without_their_secrets() -> None:
    given = ["--user", "etl", "-p", "hunter2", "--url", "jdbc:x://h;password=hunter2", "--password", "$X", "s3://b/x"]
    masked = "**********"
    assert shown_arguments(given) == ["--user", "etl", "-p", masked, "--url", masked, "--password", "$X", "s3://b/x"]
