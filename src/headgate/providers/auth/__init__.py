"""How credentials are shown where a fixed header will not do."""
