"""How does a clinician see it?

Comes in: a reply of the pipeline and the books. Goes out: the parts of a page, in words and in drawings.
Never here: HTTP, and judgement: no answer is made or changed, and every cut-off that is drawn comes from the books.
"""
