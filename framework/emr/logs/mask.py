"""What must not be shown of a log: keys, tokens, passwords, and the numbers of AWS accounts."""

import re

HIDDEN = "****"
# A name that says that its value is secret; the value stands behind it in JSON, Python, XML or a shell.
NAME = (
    r"(?:secret[_.-]?(?:access[_.-]?)?key|(?:session|security|access)[_.-]?token|api[_.-]?key|password|passwd|passphrase"
    r"|pwd|credential|secret|signature|secrets__\w+)"
)
NAMED = ("secret", "token", "pass", "pwd", "api", "credential", "signature")
# By which letters, in lower case, a rule is worth trying; what it finds; and what stands there then.
RULES = tuple(
    (needles, re.compile(pattern, re.IGNORECASE), instead)
    for needles, pattern, instead in (
        (
            ("ak", "as", "ar", "ai", "ag", "an", "ab", "ac"),
            r"\b(?-i:A(?:K|S|R|I|G|N|B|C)[A-Z]{2})[A-Z0-9]{12,}\b",
            HIDDEN,
        ),
        (NAMED, rf"({NAME}[\"']?\s*[:=>]+\s*[\"']?)[^\s\"'<>,;&)}}]+", rf"\1{HIDDEN}"),
        (NAMED, r"(-[\w-]*(?:password|secret|token|passphrase)[\w-]*[\s\"',=]+)[^\s\"',]+", rf"\1{HIDDEN}"),
        (("@",), r"(://[^/\s:@]+:)[^@\s/]+(?=@)", rf"\1{HIDDEN}"),
        (("bearer", "basic"), r"\b(bearer|basic)\s+[A-Za-z0-9+/_.~=-]{8,}", rf"\1 {HIDDEN}"),
        (("eyj",), r"\beyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]+)?", HIDDEN),
        (("iqoj", "fwog", "fqog"), r"\b(?:IQoJ|FwoG|FQoG)[A-Za-z0-9+/=]{40,}", HIDDEN),  # how session tokens begin
        (("arn:",), r"(arn:aws[\w-]*:[\w-]*:[\w-]*:)\d{12}(?!\d)", rf"\1{HIDDEN}"),
        (("aws-logs-",), r"(aws-logs-)\d{12}(?!\d)", rf"\1{HIDDEN}"),
        ((".dkr.ecr.",), r"\b\d{12}(?=\.dkr\.ecr\.)", HIDDEN),
        (
            ("account",),
            r"(\baccount(?:[\s_-]*(?:id|number))?[\"']?\s*[:=]?\s*[\"'(]*)\d{12}(?!\d)",
            rf"\1{HIDDEN}",
        ),
    )
)
LONE_SECRET = re.compile(r"(?<![A-Za-z0-9/+])[A-Za-z0-9/+]{40}(?![A-Za-z0-9/+=])")
KINDS = tuple(re.compile(kind) for kind in ("[A-Z]", "[a-z]", "[0-9]"))


def masked(text: str) -> str:
    """Return a text with **** for whatever looks secret: rather one word too many than one too few."""
    lower = text.lower()
    for needles, pattern, instead in RULES:
        if any(needle in lower for needle in needles):
            text = pattern.sub(instead, text)
    return LONE_SECRET.sub(_lone, text)


def _lone(found: re.Match[str]) -> str:
    """Return what stands for forty characters: a secret access key has letters of both cases, and digits."""
    return HIDDEN if all(kind.search(found[0]) for kind in KINDS) else found[0]
