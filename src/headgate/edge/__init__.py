"""HTTP in and out for callers: no rules, no SQL, and no framework on the hot path."""
