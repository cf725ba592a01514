"""The life of one request. Read `relay.py` first."""
