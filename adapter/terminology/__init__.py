"""What do their words mean?

Comes in: statements as FHIR said them, and the compiled books. Goes out: facts in our words and units, and issues.
Never here: patient logic, FHIR shapes, rules.
"""
