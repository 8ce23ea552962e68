"""The managed application: the offer through which a vendor sells the pipeline.

What belongs here: the offer's file, and three folders: `package/` builds the package, `publishing/` publishes it, and
`installations/` looks after what was sold. Prices and estimates belong to `cost/`.
"""
