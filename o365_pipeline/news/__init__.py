"""News: what somebody has to know of, told to Teams, Slack, e-mail or a webhook.

What belongs here: what is worth a message, what a message says, when it is sent, and the channels. The tables belong to
`database/news_ledger.py`; nothing here names a person or repeats an error, which may hold values of rows.
"""
