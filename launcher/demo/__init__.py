"""Fills a new stack with the demo park, through the same interfaces everybody uses."""

from launcher.demo.seed import Report, seed

__all__ = ["Report", "seed"]
