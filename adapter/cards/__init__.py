"""What does a clinician see inside the record?

Comes in: a reply of the pipeline and the books. Goes out: the cards of CDS Hooks, in words.
Never here: HTTP, judgement, and anything that tells a clinician what to do (H1).
"""
