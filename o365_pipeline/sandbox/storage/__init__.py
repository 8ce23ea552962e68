"""The sandbox's storage accounts: the Blob service, and who may call it.

What belongs here: answers of Azure Storage. Where the bytes lie is the pipeline's own lake, `raw/lake.py`.
"""
