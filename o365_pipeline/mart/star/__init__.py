"""The mart as stars, for reports: facts and dimensions that are related by one column each.

What belongs here: the star's model, which is made of the tables and their references, and the SQL of its views. The
tables themselves belong to `mart/tables/`; views that answer a question belong to `mart/views/`.
"""
