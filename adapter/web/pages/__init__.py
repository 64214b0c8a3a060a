"""What does a person see in a browser? Pages made on the server, with one stylesheet and one small script, and nothing from elsewhere.

Comes in: addresses and forms. Goes out: HTML that works without the script, offline and on paper.
Never here: clinical words; the page room has chosen every word before it is laid out.
"""
