"""Quality: the rules of a row model, applied once where a frame is made, and records that are not of it."""

from framework.quality.expectation import broke_rule, enforce, violations
from framework.quality.malformed import keep_malformed, malformed_examples, malformed_table, well_formed
from framework.tables.rules import Rule, rules

__all__ = [
    "Rule",
    "broke_rule",
    "enforce",
    "keep_malformed",
    "malformed_examples",
    "malformed_table",
    "rules",
    "violations",
    "well_formed",
]
