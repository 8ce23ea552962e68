"""How a web page is served on this machine and guarded against other sites.

What belongs here: listening and guarding. The pages belong to whoever shows them.
"""
