"""Intake: from an object that somebody dropped to a checked, registered revision, or to quarantine."""
