"""What follows?

Comes in: one case and the compiled books. Goes out: answers. Pure: the same case and books give the same answers.
Never here: clock, network, files, FHIR; a number with a clinical meaning.
"""
