"""Made-up bodies of the vendors' APIs, field by field, with a mark in every value."""
