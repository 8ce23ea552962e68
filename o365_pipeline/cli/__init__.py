"""The command line, `o365-pipeline ...`: one file for each group of commands.

What belongs here: reading arguments, printing answers, and running sensors and jobs in a terminal. The work itself
belongs to the stages.
"""
