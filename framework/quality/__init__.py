"""Quality: the rules of a row model, applied once where a frame is made."""

from framework.quality.expectation import Rule, broke_rule, enforce, rules, violations
from framework.quality.malformed import set_aside

__all__ = ["Rule", "broke_rule", "enforce", "rules", "set_aside", "violations"]
