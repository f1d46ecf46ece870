"""Surveys of history as rules 批量筛查: one question each, asked every night of an outlet's hour means.

History comes as sheets on a grid of days in the park (`sheet.make_sheets`); each survey answers for every night: found
or not, the statistic and what it was held against, or why it was not judged. `nights.survey` makes hits of the answers.
Nothing here reads a clock or a store. Thresholds are configurable defaults, never law.
"""
