"""Surveys 批量筛查: signatures of fraud and fault that need a window of history instead of one pass.

Each module asks one question of prepared series (`series.make_series`) and answers with a finding
(`finding.Finding`): found or not, the statistic and what it was held against, or why it was not judged.
Nothing here reads a clock or a store. Thresholds are configurable defaults, never law.
"""
