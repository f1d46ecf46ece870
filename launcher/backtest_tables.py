"""The result of a backtest as a table on the terminal."""

from collections.abc import Sequence

from rich.console import Console
from rich.table import Table

from shared.contracts.detection.backtests import BacktestResult, BacktestSide


def show(console: Console, result: BacktestResult, assumed: Sequence[str]) -> None:
    """One line a rule: anomalies in force and as changed, what is new or gone, burden and precision."""
    table = Table(box=None)
    table.add_column("rule", no_wrap=True)
    for name in ("before", "after", "same", "new", "gone", "30 d", "after"):
        table.add_column(name, justify="right", no_wrap=True)
    for name in ("precision", "after"):
        table.add_column(name, justify="right")
    for one in result.rules:
        table.add_row(
            one.rule, str(one.before.episodes), str(one.after.episodes), str(one.same), str(one.new), str(one.gone),
            _burden(one.before), _burden(one.after), _precision(one.before), _precision(one.after),
        )  # fmt: skip
    console.print(table)
    console.print("before: rules in force; after: as changed; gone: would no longer fire")
    console.print(
        f"{result.outlets} outlets, {result.series} series, {result.points} readings; "
        f"{result.series_days:.0f} days of factors with data; 30 d: anomalies of one factor of one outlet"
    )
    for line in assumed:
        console.print(f"assumed: {line}")


def _burden(side: BacktestSide) -> str:
    return "–" if side.burden is None else f"{side.burden:.2f}"


def _precision(side: BacktestSide) -> str:
    if side.precision is None or side.low is None or side.high is None:
        return "–"
    return f"{side.precision:.0%} ({side.low:.0%} to {side.high:.0%})"
