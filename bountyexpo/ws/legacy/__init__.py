"""The two socket paths of the old system."""
