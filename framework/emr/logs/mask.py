"""What must not be shown of a log: keys, tokens, passwords, and the numbers of AWS accounts."""

import re

from framework.sensitive import KEY_BEGINS, LONE, NAME, NAMED, hide_forms

HIDDEN = "****"
# With its quotes up to their like: what opens with \" does not close with ". In XML up to the next tag.
QUOTED = r"(?P<open>\\*(?:\"\"\"|'''|[\"'])).*?(?=(?<!\\)(?P=open)|$)"
NO_SECRET = r"(?:true|false|none|null)\.?(?:[\s,;&)}\]<\"']|$)"
VALUE = (
    rf"(?:{QUOTED}|(?<=[^=-]>)(?:<!\[CDATA\[.*?\]\]>|[^<\n]+)|(?!{NO_SECRET})(?:[^\s\\\"'<>,;&)}}\]]|\\(?!\\*[\"']))+)"
)
SHOWN = rf"\1\g<open>{HIDDEN}"
# By which letters, in lower case, a rule is worth trying; what it finds; and what stands there then.
RULES = tuple(
    (needles, re.compile(pattern, re.IGNORECASE | re.MULTILINE), instead)
    for needles, pattern, instead in (
        (
            ("ak", "as", "ar", "ai", "ag", "an", "ab", "ac"),
            r"\b(?-i:A(?:K|S|R|I|G|N|B|C)[A-Z]{2})[A-Z0-9]{12,}\b",
            HIDDEN,
        ),
        (("value",), rf"({NAME}(?:</\w+>|\\*[\"'])[\s,:{{]*[<\\\"']*value[\\\"']*\s*[>:=]\s*){VALUE}", SHOWN),
        # The whole of a line is a variable, or a property: a comma is of the value.
        (NAMED, rf"^(\s*(?:export\s+)?[\w.-]{{0,60}}{NAME}=)(?!{NO_SECRET})[^\s\\\"']+(?=\s*$)", rf"\1{HIDDEN}"),
        (NAMED, rf"({NAME}\\*[\"']?\s*(?:->|[:=>]+)\s*(?:[\[{{(]\s*)*(?:[bru](?=[\"']))?){VALUE}", SHOWN),
        (NAMED, rf"({NAME}\\*[\"']\s*,\s*(?!\\*[\"']value)){QUOTED}", SHOWN),
        (NAMED, rf"(\(\s*[\w.-]{{0,60}}{NAME}\s*,\s*)[^)\n]+", rf"\1{HIDDEN}"),
        (
            NAMED,
            r"((?<!-)-+[\w-]{0,60}(?:password|secret|token|passphrase|(?:api|access|private)-?key)[\w-]{0,60}"
            rf"\\*[\"']?(?:\s*[,=]\s*|\s+|(?<=[\"'])))(?:{QUOTED}|[^\s\"',]+)",
            SHOWN,
        ),
        (("%",), rf"({NAME}(?:%\w\w){{1,6}})[^\s%&\"']+", rf"\1{HIDDEN}"),
        (("&",), rf"({NAME}(?P<open>&[a-z]+;)\s*[:=]\s*(?P=open)).*?(?=(?P=open)|$)", rf"\1{HIDDEN}"),
        # What only may be a token: framework.sensitive has the forms that surely are.
        (("bearer", "basic"), r"\b(bearer|basic)\s+[A-Za-z0-9+/_.~=-]{8,}", rf"\1 {HIDDEN}"),
        (
            ("gh", "github_pat_", "glpat-", "xox", "xapp-", "sk", "rk_", "aiza", "npm_", "pypi-", "hf_"),
            r"\b(?-i:gh[pousr]_\w{10,}|github_pat_\w{10,}|glpat-[\w-]{10,}|(?:xox[a-z]|xapp)-[\w-]{10,}"
            r"|sk-[\w-]{20,}|[sr]k_(?:live|test)_\w{10,}|AIza[\w-]{30,}|npm_\w{30,}|pypi-[\w-]{40,}|hf_\w{30,})",
            HIDDEN,
        ),
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
KEY_BEGUN = re.compile(rf"{KEY_BEGINS}(?!.*-----END)")
# A line of a key: base64, with what a logger or a quotation has put around it; or a header of the key's own.
KEY_LINE = re.compile(
    r"\W{0,60}(?:(?:\S+\s+){1,20}(?=[A-Za-z0-9+/=]{16}))?[A-Za-z0-9+/=]*(?:\\[nr])*[\s\"',+|]{0,60}"
    r"|\W{0,60}(?:Proc-Type|DEK-Info|Version|Comment): .*"
)
NAME_ALONE = re.compile(rf"<name>[^<]{{0,200}}{NAME}[^<]{{0,200}}</name>\s*", re.IGNORECASE)
VALUE_ALONE = re.compile(r"(\s*<value>)[^<]+", re.IGNORECASE)
KINDS = tuple(re.compile(kind) for kind in ("[A-Z]", "[a-z]", "[0-9]"))


def masked(text: str) -> str:
    """Return a text with **** for whatever looks secret: rather one word too many than one too few."""
    text = hide_forms(text, HIDDEN)
    lower = text.lower()
    for needles, pattern, instead in RULES:
        if any(needle in lower for needle in needles):
            text = pattern.sub(instead, text)
    return LONE.sub(_lone, text)


def _lone(found: re.Match[str]) -> str:
    """Return what stands for forty characters: a secret access key has letters of both cases, and digits."""
    return HIDDEN if all(kind.search(found[0]) for kind in KINDS) else found[0]


class AcrossLines:
    """Hides, one line for each line, what only the lines before show to be secret; the rest is masked()'s."""

    def __init__(self) -> None:
        self._in_key = self._behind_name = False

    def __call__(self, line: str) -> str:
        """Return the next line of the log, or what stands for it."""
        if self._behind_name:
            line = VALUE_ALONE.sub(rf"\1{HIDDEN}", line)
        self._behind_name = line.rstrip().endswith("</name>") and bool(NAME_ALONE.search(line))
        if self._in_key and "-----END" not in line and KEY_LINE.fullmatch(line):
            return HIDDEN if line.strip() else line
        self._in_key = "PRIVATE KEY" in line and bool(KEY_BEGUN.search(line))
        return line
