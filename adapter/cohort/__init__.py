"""And for everyone?

Comes in: a folder of Bulk Data NDJSON, and who interprets one patient. Goes out: a result for each patient and a table of cases.
Never here: a judgement about a patient, or anything but what one call for one patient answers.
"""
