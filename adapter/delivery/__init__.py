"""Has it arrived?

Comes in: the wish that one patient be interpreted and the result written. Goes out: exactly that, however often the power fails.
Never here: clinical words.
"""
