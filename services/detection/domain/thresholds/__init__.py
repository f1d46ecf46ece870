"""Thresholds 阈值 of single series: their versions, life cycle, bounds, and which of them holds at a time."""
