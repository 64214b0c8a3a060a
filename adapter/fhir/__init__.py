"""How is it said in FHIR?

Comes in: bytes of FHIR R4 and our answers. Goes out: statements, and FHIR R4 resources built by construction.
Never here: judgement. The only room that imports fhir.resources (through models) or requests.
"""
