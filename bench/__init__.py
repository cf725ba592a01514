"""The benchmark: headgate beside haproxy and nginx, in turn, against the lab's fast responder."""
