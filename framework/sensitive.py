"""What a secret looks like: by the name that it has, and by its own form.

What is sent is refused by these rules, and what is printed is masked by them. They find what is surely a secret; logs
are masked also where it only may be one (framework.emr.logs.mask).
"""

import re
import shlex
from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby, pairwise
from typing import NamedTuple

MASK = "**********"

# -- names ------------------------------------------------------------------------------------------------------------

WORDS = "password|passwd|passphrase|pwd|secret"
KEYS = "secret|private|access|api"  # each with `key` behind it
# In a text, where it is not known where a name ends; and by which letters a text is worth searching.
NAME = (
    rf"(?:(?:{KEYS}|account)[_. -]?(?:access[_. -]?)?key|(?:session|security|access|auth)[_. -]?token"
    rf"|[a-z0-9][_.-]token|{WORDS}|credential|signature"
    r"|(?:token|\bpass)(?=\s*=|\\*[\"']\s*[:=])|secrets__\w{1,60})[\w.-]{0,60}"
)
NAMED = ("secret", "token", "pass", "pwd", "api", "credential", "signature", "private", "accountkey", "access")
# In a name that was parted: at ends of words, so that `primary_key`, `max_tokens` and `tokenizer` are none.
SECRET = re.compile(
    rf"(?:{WORDS}|token|credentials?|(?:{KEYS}|encryption|signing|storage account|azure account) ?key)\d*\b"
    r"|(?:^|\b(?:db|user|root|admin|login|mysql|pg|postgres|jdbc|smtp|s?ftp|ldap|redis|mongo|require|auth|http"
    r"|proxy|key|store|ssh|api|app|service) ?)(?:pass|pw)$|^bearer$|\bredis auth$"
)
# What is called a token and says where to go on, or that a call is the same call.
PLACE = re.compile(
    r"\b(?:next|page|pagination|continuation|resume|sync|delta|cursor|start|end|stop|separator|cancellation"
    r"|idempotency) ?token\b"
)
# A name that says where a secret is, what is done with it, or how long, and not the secret.
ABOUT = re.compile(
    r" (?:names?|file|filename|path|dir|folder|arn|ids?|alias|provider|type|kind|columns?|field|header|count|length"
    r"|limit|size|bits|ttl|policy|rule|age|expiry|expiration|expires|lifetime|duration|interval|timeout|wait|ratio"
    r"|retries|url|uri|endpoint|host|location|region|version|store|vault|bucket|prefix|scope|ref|reference|manager"
    r"|env|variable|stdin|prompt|format|mode|method|class|algorithm|pattern|regex|separator|enabled|required|rotation"
    r"|from|(?:from|in|via|by) secret)$|^(?:from|in|via|by) secret$"
    r"|\b(?:password|token|credentials?) key$"
    r"|^(?:use|no|has|is|needs?|ask|prompt|without|skip|requires?|enable|disable|allow) "
)
FILE = r"[\w./-]+\.(?:json|ya?ml|toml|ini|properties|conf|env|pem|crt|p12|pfx|jks|jceks|keytab|key|txt)"
# A switch, a small number, a time, a variable of a shell, a call, an address, the name of a secret as framework.secrets
# takes it: none of these is the secret.
HARMLESS = re.compile(
    r"(?:true|false|yes|no|on|off|none|null|enabled|disabled|keytab|ccache|\d{1,3}|\d*\.\d+|\d{1,6}(?:ms|s|m|min|h|d)"
    r"|\d{4}-\d\d-\d\d|\w+(?:\.\w+)*\.(?:password|secret|token|key)|arn:.*|EMR\.secret@.*|alias/.*|\*+|<[^>]*>|[{\[$`].*|%\w+%|[A-Za-z_][\w.]*[(\[].*|(?:~|\.{1,2})?/[\w./-]*"
    rf"|[a-z][a-z0-9+.-]*://.*|{FILE})",
    re.IGNORECASE,
)
KMS_KEY = re.compile(r"(?:mrk-[0-9a-f]{32}|[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})", re.IGNORECASE)
# `name=value`, also inside of another's value; `"name": "value"`; and `Name: value` of a header or of YAML. Names and
# values have bounds, so that a text takes as much time as it is long.
PAIR = re.compile(r"([A-Za-z][\w.-]{0,100})(?:=(?!=)|\\*[\"']\s*:\s*)(?=\\*[\"']?([^\s&;,\"'\\]{0,300}))")
HEADED = re.compile(r"(?:^|[{,])\s*([A-Za-z][\w.-]*):[ \t]+[\"']?([^\s&;,\"'}]+)", re.MULTILINE)
JAVA = re.compile(r"(?<![^\s=\"'])-D(?=[A-Za-z])")
OPTION = re.compile(r"--?[A-Za-z][\w.-]*")
# `-p` is a password where there is a user beside it; of these programs it is something else, or `-u` is.
USER = re.compile(r"(?:-[uU]|--?(?:user|username|user-name|login))(?:=.*)?")
NO_USER = re.compile(r"^-|^$|://|/|\.(?:py|sh|jar)$")
OTHERS = {"sudo", "mkdir", "-mkdir", "cp", "-cp", "-put", "-get", "rsync", "scp", "flink", "python", "python3", "ps"}
PORTS = re.compile(r"[\d.:]+")


def is_secret(name: str, value: str) -> bool:
    """Return whether a value is a secret by its name: `db_password` and `fs.s3a.secret.key` are, `next_token` is not.

    A value that cannot be a secret, such as a switch, an address or a variable of a shell, is none under any name.
    """
    spaced = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", " ", name)
    words = PLACE.sub("", " ".join(re.split(r"[^A-Za-z0-9]+", spaced)).lower().strip())
    if not value or not SECRET.search(words) or ABOUT.search(words):
        return False
    by_id = words.endswith("encryption key") and KMS_KEY.fullmatch(value)
    return not by_id and (not HARMLESS.fullmatch(value) or _has_lone(value))


def is_named_secret(name: str, text: str) -> bool:
    """Return whether a text is a secret by its name, or holds one under a name of its own."""
    return any(is_secret(*pair) for pair in ((name, text), *named_values([text])))


def named_values(arguments: Iterable[str]) -> Iterator[tuple[str, str]]:
    """Give the named values among arguments: `--name value`, `--name=value`, `name=value`, JSON, headers.

    An argument with spaces counts as a command line of its own, too.
    """
    given = list(arguments)
    for words in (given, *(command for each in given if " " in each for command in _commands(each))):
        yield from _pairs(words)


def _pairs(words: Sequence[str]) -> Iterator[tuple[str, str]]:
    has_user = any(
        USER.fullmatch(word) and ("=" in word or NO_USER.search(following) is None)
        for word, following in pairwise([*words, ""])
    ) and OTHERS.isdisjoint(words)
    for word, following in pairwise([*words, ""]):
        plain = JAVA.sub("", word)
        yield from PAIR.findall(plain)
        yield from HEADED.findall(plain)
        if has_user and word in ("-p", "-P", "-pw") and not PORTS.fullmatch(following) and following[:1] != "-":
            yield f"password ({word})", following
        elif OPTION.fullmatch(word) and not _is_option(following, word):
            yield word, following


def _is_option(word: str, before: str) -> bool:
    """Return whether a word is an option, and not the value of the one before, which may begin with a dash."""
    password = re.search("pass|pwd", before, re.IGNORECASE)
    return word.startswith("--") or (word.startswith("-") and not password and len(word) < 3)


def _commands(line: str) -> list[list[str]]:
    """Return the words of each command of a line of a shell."""
    lexer = shlex.shlex(line.replace("\n", " ; "), posix=True, punctuation_chars=";|&()")
    lexer.whitespace_split, lexer.commenters = True, ""
    try:
        words = list(lexer)
    except ValueError:  # a quotation that does not end
        words = line.split()
    return [list(group) for between, group in groupby(words, lambda word: not word.strip(";|&()")) if not between]


# -- forms ------------------------------------------------------------------------------------------------------------

KEY_BEGINS = r"-----BEGIN[A-Z0-9 ]* PRIVATE KEY(?: BLOCK)?-----"
COMMAND = r"(?:^|[;|&(+/]\s*)"
MORE = r"[^\n;|&]{0,300}?"
WORD = r"[\"']?(?P<secret>[^\s\"']+)"


class Form(NamedTuple):
    """A pattern whose group `secret` is one, and the letters, in lower case, by which a text is worth searching."""

    needles: tuple[str, ...]
    pattern: re.Pattern[str]


FORMS = tuple(
    Form(needles, re.compile(pattern, re.IGNORECASE | re.MULTILINE))
    for needles, pattern in (
        ((" private key",), rf"{KEY_BEGINS}(?P<secret>(?:(?!-----END)[^\n])+)"),
        (("akia", "asia", "abia", "acca"), r"\b(?P<secret>(?-i:(?:AKIA|ASIA|ABIA|ACCA)[A-Z0-9]{16}))\b"),
        (("iqoj", "fwog", "fqog"), r"\b(?P<secret>(?:IQoJ|FwoG|FQoG)[A-Za-z0-9+/=]{40,})"),  # how session tokens begin
        (("eyj",), r"\b(?P<secret>(?-i:eyJ)[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]+)?)"),
        (
            ("gh", "github_pat_", "glpat-", "npm_", "pypi-", "hf_", "xox", "xapp-"),
            r"\b(?P<secret>(?-i:gh[pousr]_[A-Za-z0-9]{20,}|github_pat_(?=\w*\d)\w{20,}|glpat-[\w-]{20,}"
            r"|npm_[A-Za-z0-9]{36}\b|pypi-AgE[\w-]{40,}|hf_[A-Za-z0-9]{30,}\b|(?:xox[a-z]|xapp)-(?=[\w-]*\d)[\w-]{10,}))",
        ),
        (
            ("dapi", "sk", "rk_", "aiza", "sg.", "hvs.", "gocspx-", "ya29.", "dckr_pat_"),
            r"\b(?P<secret>(?-i:dapi[0-9a-f]{32}|sk-(?:proj|svcacct|admin|ant)-[\w-]{20,}|sk-or-v1-[0-9a-f]{20,}"
            r"|sk-[A-Za-z0-9]{32,}|[sr]k_(?:live|test)_(?=[A-Za-z0-9]*\d)[A-Za-z0-9]{10,}|AIza[\w-]{35}"
            r"|SG\.[\w-]{16,}\.[\w-]{16,}|(?:hvs|ya29)\.[\w-]{20,}|(?:GOCSPX-|dckr_pat_)[\w-]{20,}))",
        ),
        (("hooks.slack.com",), r"hooks\.slack\.com/[a-z]+/(?P<secret>[\w/]+)"),
        (("sig=", "x-amz-s"), r"[?&](?:sig|X-Amz-Signature|X-Amz-Security-Token)=(?P<secret>[^\s&\"']+)"),
        (("accountkey=",), r"\bAccountKey=(?P<secret>[A-Za-z0-9+/=]{16,})"),
        # A password may hold @ and /; a port with a path behind it is none.
        (("@",), r"://[^/\s:@]*:(?!\d{1,5}[/,?#])(?P<secret>[^\s\"'<>]{1,500})(?=@)"),
        (("jdbc:oracle:",), r"jdbc:oracle:\w+:[^/\s@]+/(?P<secret>\S+)(?=@)"),
        (
            ("authorization",),
            r"\bauthorization[\"']?\s*(?::\s*[\"']?(?:(?:bearer|basic|token|digest)\s+)?"
            r"|=\s*[\"']?(?:bearer|basic|token|digest)\s+)(?P<secret>[^\s\"',;]+)",
        ),
        (
            ("x-a", "x-v", "x-s"),
            r"\bx-(?:api-?key|auth(?:-token|-key)?|access-token|vault-token|secret[\w-]*)[\"']?\s*:\s*" + WORD,
        ),
        (("bearer",), r"\bbearer\s+(?P<secret>(?=[^\s\"']*\d)[A-Za-z0-9+/_.~=-]{16,})"),
        (("cookie",), r"\bcookie[\"']?\s*:\s*[\"']?(?P<secret>[^\"'\n=;]+=[^\"'\n]+)"),
        (("identified by",), rf"\bidentified\s+by\s+(?:password\s+)?{WORD}"),
        (("password '", "passphrase '", "key '"), r"(?:password|passphrase|access_key)\s+'(?P<secret>[^'\n]+)'"),
        # What programs take as a password, where the name of the option does not say so.
        (("curl",), r"\bcurl\b[^\n]{0,200}?\s(?:-u|--user)[\s=]+[\"']?[^\s:]+:(?P<secret>[^\s\"']+)"),
        (("sshpass",), rf"\bsshpass\s+-p\s*{WORD}"),
        (("mysql", "mariadb"), rf"{COMMAND}(?:mysql|mariadb)[\w-]*\s(?:{MORE}\s)?-p{WORD}"),
        (("beeline",), rf"\bbeeline\s(?:{MORE}\s)?-p\s+{WORD}"),
        (("redis-cli",), rf"\bredis-cli\s(?:{MORE}\s)?-a\s+{WORD}"),
        (("credential create",), rf"\bcredential\s+create\s{MORE}\s-value\s+{WORD}"),
        (("configure set",), rf"\bconfigure\s+set\s+\S*(?:secret|token)\S*\s+{WORD}"),
        (("pass:",), r"\s-pass(?:in|out)?\s+pass:(?P<secret>\S+)"),
    )
)
# What only says where the secret is: a variable, a template, or a mask.
ELSEWHERE = re.compile(r"[$`<*]|\{\{|%\w+%")
LONE = re.compile(r"(?<![A-Za-z0-9/+])[A-Za-z0-9/+]{40}(?![A-Za-z0-9/+=])")
ADDRESS = re.compile(r"(?<!\w)\w+://\S+")


def has_form(text: str) -> bool:
    """Return whether something in a text has the form of a secret, whatever its name is."""
    lower = text.lower()
    found = (
        match["secret"]
        for form in FORMS
        if any(needle in lower for needle in form.needles)
        for match in form.pattern.finditer(text)
    )
    return any(not ELSEWHERE.match(secret) for secret in found) or _has_lone(ADDRESS.sub("", text))


def hide_forms(text: str, mask: str) -> str:
    """Return a text with the mask for whatever has the form of a secret."""

    def masked(found: re.Match[str]) -> str:
        begin, end = (at - found.start() for at in found.span("secret"))
        return found[0][:begin] + mask + found[0][end:]

    lower = text.lower()
    for form in FORMS:
        if any(needle in lower for needle in form.needles):
            text = form.pattern.sub(masked, text)
    return text


def shown(name: str, value: object) -> object:
    """Return a value of a setting or a property as it may be shown: a mask where it is, or holds, a secret."""
    text = str(value)
    return MASK if is_named_secret(name, text) or has_form(text) else value


def shown_arguments(arguments: Sequence[str]) -> list[str]:
    """Return arguments as they may be shown: a mask for each that is, or holds, a secret."""
    secret = {value for name, value in named_values(arguments) if is_secret(name, value)}
    return [MASK if each in secret else str(shown("", each)) for each in arguments]


def _has_lone(text: str) -> bool:
    """Return whether forty characters are a secret access key of AWS: random, so that their kinds change often."""
    return any(_is_random(found[0]) for found in LONE.finditer(text))


def _is_random(text: str) -> bool:
    kinds = ["u" if each.isupper() else "l" if each.islower() else "d" if each.isdigit() else "" for each in text]
    changes = sum(left != right for left, right in pairwise(kinds))
    return changes >= 16 and "d" in kinds and min(kinds.count("u"), kinds.count("l")) >= 6
