"""The lab's scripted behaviours: from a question to a plan, no socket, no clock."""
