"""A bounded, seeded fuzzer of the whole service in this process: `make fuzz`.

Each request is made from the seed and its own number alone, so that any one of them can be made again.
"""
