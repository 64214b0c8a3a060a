"""What do we know about this patient?

Comes in: nothing of ours; only values and plain types.
Never here: imports from another room, FHIR, files, rules.
"""
