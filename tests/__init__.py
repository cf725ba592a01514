"""The tests mirror `src/headgate/`: src/headgate/a/b.py is tested by tests/a/test_b.py."""
