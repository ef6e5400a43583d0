"""Checks: what `dreamwall doctor` looks at, one question a function."""
