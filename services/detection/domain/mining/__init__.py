"""The mining bench 异常数据挖掘: questions an analyst asks of history, answered with the numbers behind them.

Each module answers one question about prepared series (`surveys.series.Series`). Nothing here reads a store or a
clock, and nothing here accuses anybody: findings rank what to look at.
"""
