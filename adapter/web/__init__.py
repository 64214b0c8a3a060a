"""Who is asking, and may they?

Comes in: HTTP requests. Goes out: FHIR JSON, or an OperationOutcome that says what to change.
Never here: clinical words.
"""
