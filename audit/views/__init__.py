"""The doors of the audit log."""
