"""Serves web pages on this machine and guards them against requests from other sites.

What belongs here: listening and guarding. The pages belong to the folders that show them.
"""
