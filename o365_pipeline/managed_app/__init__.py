"""The managed application: the package that a vendor sells, what it costs, publishing it, and its installations."""
