"""Backtests 回测: a change of rules tried on history, beside the rules in force; and proposals that come of it."""
