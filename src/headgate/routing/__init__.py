"""Which channels, in which order. Pure: clock, random numbers and health are passed in."""
