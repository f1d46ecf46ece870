"""Suppressions 抑制: what they are, their life cycle, and which hits they keep quiet."""
