"""A synthetic cohort as a Bulk Data export would bring it, and how fast it is interpreted."""
