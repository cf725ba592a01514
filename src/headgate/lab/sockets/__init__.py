"""WebSockets: what is said on them, and how it is performed on a connection."""
