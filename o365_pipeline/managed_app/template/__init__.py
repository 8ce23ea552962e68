"""The Azure template: what an enterprise deploys, and what a vendor's managed application installs, of the same parts.

What belongs here: the resources by subject, and the two templates that are made of them. The package around the
installed one belongs to `package/`; evaluating templates belongs to `package/arm_template.py`.
"""
