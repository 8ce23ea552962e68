"""Azure Resource Manager's language: expressions, names, the forms of a template, and facts of resource types.

What belongs here: what is true of any template. The templates of this project, and their checks, belong to
`managed_app/package/`.
"""
