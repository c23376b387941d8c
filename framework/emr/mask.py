"""What must not be shown of a log: keys, tokens, passwords, and the numbers of AWS accounts."""

import re

HIDDEN = "****"
# A name that says that its value is secret, the value, and what may stand around them in JSON, Python, XML or a shell.
NAME = (
    r"(?:[\w.-]*(?:secret[_.-]?(?:access[_.-]?)?key|session[_.-]?token|security[_.-]?token|access[_.-]?token|api[_.-]?key"
    r"|password|passwd|passphrase|pwd|credential|secretkey|sessiontoken|secret|signature|LAKEGATE_SECRETS__\w+))"
)
RULES = tuple(
    (re.compile(pattern, re.IGNORECASE), instead)
    for pattern, instead in (
        (r"\b(?:AKIA|ASIA|AROA|AIDA|AGPA|ANPA|ABIA|ACCA)[A-Z0-9]{12,}\b", HIDDEN),
        (rf"({NAME}[\"']?\s*(?:[:=>]|=>)\s*[\"']?)[^\s\"'<>,;&)}}]+", rf"\1{HIDDEN}"),
        (r"(--?[\w-]*(?:password|secret|token|passphrase)[\w-]*[\s\"',=]+)[^\s\"',]+", rf"\1{HIDDEN}"),
        (r"(://[^/\s:@]+:)[^@\s/]+(?=@)", rf"\1{HIDDEN}"),
        (r"\b(bearer|basic)\s+[A-Za-z0-9+/_.~=-]{8,}", rf"\1 {HIDDEN}"),
        (r"\beyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]+)?", HIDDEN),
        (r"\b(?:IQoJ|FwoG|FQoG)[A-Za-z0-9+/=]{40,}", HIDDEN),  # how session tokens begin
        (r"(X-Amz-(?:Signature|Credential|Security-Token)=)[^&\s\"']+", rf"\1{HIDDEN}"),
        (r"(arn:aws[\w-]*:[\w-]*:[\w-]*:)\d{12}(?!\d)", rf"\1{HIDDEN}"),
        (r"(aws-logs-)\d{12}(?!\d)", rf"\1{HIDDEN}"),
        (r"\b\d{12}(?=\.dkr\.ecr\.)", HIDDEN),
        (r"(\baccount(?:[\s_-]*(?:id|number))?[\"']?\s*[:=]?\s*[\"'(]*)\d{12}(?!\d)", rf"\1{HIDDEN}"),
        # A secret access key that stands alone: forty characters of all kinds.
        (
            r"(?<![A-Za-z0-9/+])(?-i:(?=[^\s]{0,39}[A-Z])(?=[^\s]{0,39}[a-z]))(?=[^\s]{0,39}[0-9])[A-Za-z0-9/+]{40}(?![A-Za-z0-9/+=])",
            HIDDEN,
        ),
    )
)


def masked(text: str) -> str:
    """Return a text with **** for whatever looks secret: rather one word too many than one too few."""
    for pattern, instead in RULES:
        text = pattern.sub(instead, text)
    return text
