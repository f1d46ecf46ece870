"""Wiring: one request = one transaction, committed before the answer. Each noun has its module."""
