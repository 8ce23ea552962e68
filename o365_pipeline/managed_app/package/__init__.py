"""The package that Azure installs an offer from: template, wizard, views, README, and their validation.

What belongs here: making the files and finding what Azure would refuse in them. Where a package is published belongs to
`managed_app/publishing/`.
"""
