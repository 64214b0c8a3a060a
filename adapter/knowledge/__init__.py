"""What do the books say?

Comes in: the files of mappings/ and a site's own folder. Goes out: checked, compiled, frozen knowledge.
Never here: a number, code or citation with a clinical meaning; patients; FHIR.
"""
