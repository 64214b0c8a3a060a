"""How fast is it, beside what others do with the same charts, and does it keep its memory?"""
