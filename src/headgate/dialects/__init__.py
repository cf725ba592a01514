"""Wire formats. Pure: bytes and dicts in, events out. No dialect imports another."""
