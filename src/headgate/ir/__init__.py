"""The words that every dialect shares: requests, replies, stream events, usage, losses."""
