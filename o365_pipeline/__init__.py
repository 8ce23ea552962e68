"""Office 365 data through Microsoft Graph Data Connect: from an approver's yes to a SQL table."""

import warnings

# Dagster calls this parameter beta, and says so once for each asset. Without it, a backfill of thirty days would be
# thirty factory runs, each of them paid.
warnings.filterwarnings("ignore", message="Parameter `backfill_policy`")
