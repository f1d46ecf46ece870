"""Marks 标记: their model, catalogue, rules and life cycle."""
