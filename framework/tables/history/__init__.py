"""Tables that remember: what was true when, and when the table was told."""
