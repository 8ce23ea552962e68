"""Office 365 data through Microsoft Graph Data Connect: from an approver's yes to a SQL table."""
