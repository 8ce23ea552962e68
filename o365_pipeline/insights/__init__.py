"""The web application for the people of an organization: pictures and answers from the mart, for who never writes SQL.

What belongs here: the questions of its pages, who may see which answer, the pages and their pictures. It reads the mart
and writes nothing. What a number means is decided where it is counted, in `mart/`.
"""
