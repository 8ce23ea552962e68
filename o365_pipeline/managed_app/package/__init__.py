"""The package from which Azure installs an offer: template, wizard, views, README, and the validation of all of them.

What belongs here: building the files and finding what Azure would refuse in them. Publishing a package belongs to
`managed_app/publishing/`.
"""
