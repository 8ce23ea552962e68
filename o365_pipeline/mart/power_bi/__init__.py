"""The mart in Power BI: a project that is written as text, with a semantic model and a report.

What belongs here: what is written into the project's files, made of the star's model alone. The star itself belongs to
`mart/star/`; reading arguments belongs to `cli/mart.py`.
"""
