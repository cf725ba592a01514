"""The offline provider on loopback: scripted behaviours, replayed recordings, a fast responder.

Ships with the product. It is the test bed of the project, a tool for users who run their own
api.yaml against it, and the upstream of the benchmark. It talks to nobody.
"""
