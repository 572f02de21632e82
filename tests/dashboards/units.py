"""What a PromQL expression measures: seconds, bytes, a count or a ratio, and each of them by the second."""

from collections.abc import Iterator
from typing import Any

from promql_parser import (
    AggregateExpr,
    BinaryExpr,
    Call,
    Expr,
    MatrixSelector,
    NumberLiteral,
    ParenExpr,
    SubqueryExpr,
    UnaryExpr,
    VectorSelector,
)

# A number has none, and takes that of what it meets.
NUMBER = "number"
RATIO = "ratio"

# Grafana's units, and what may be shown in them.
SHOWN_IN = {
    "s": "seconds",
    "bytes": "bytes",
    "Bps": "bytes/s",
    "reqps": "count/s",
    "pps": "count/s",
    "cpm": "count/s",
    "percentunit": RATIO,
    "short": RATIO,
    "suffix:x": RATIO,
    "suffix: times": RATIO,
    "none": "count",
    "locale": "count",
}

_FASTENED = {"rate", "irate", "deriv"}
_COUNTED = {"count", "count_values"}
_COMPARED = {"==", "!=", "<", ">", "<=", ">="}


def children(expression: Expr) -> Iterator[Expr]:
    """Yields what an expression is made of."""
    match expression:
        case BinaryExpr():
            yield from (expression.lhs, expression.rhs)
        case AggregateExpr() | ParenExpr() | UnaryExpr() | SubqueryExpr():
            yield expression.expr
        case Call():
            yield from expression.args
        case MatrixSelector():
            yield expression.vector_selector


def selectors(expression: Expr) -> Iterator[VectorSelector]:
    """Yields every selector in it."""
    if isinstance(expression, VectorSelector):
        yield expression
    for child in children(expression):
        yield from selectors(child)


def measured(expression: Expr) -> str:
    """What it measures; see SHOWN_IN.

    Raises:
        ValueError: things are added or divided that do not go together.
    """
    found = _measured(expression)
    return RATIO if found == "seconds/s" else found


def _measured(expression: Expr) -> str:
    match expression:
        case VectorSelector():
            return _metric(expression)
        case MatrixSelector():
            return _metric(expression.vector_selector)
        case NumberLiteral():
            return NUMBER
        case ParenExpr() | UnaryExpr() | SubqueryExpr():
            return _measured(expression.expr)
        case AggregateExpr():
            return "count" if str(expression.op) in _COUNTED else _measured(expression.expr)
        case Call():
            return _called(expression)
        case BinaryExpr():
            return _joined(str(expression.op), _measured(expression.lhs), _measured(expression.rhs))
        case _:
            raise ValueError(f"what is {expression!r}?")


def _metric(selector: VectorSelector) -> str:
    name = (selector.name or "").removesuffix("_bucket").removesuffix("_sum").removesuffix("_total")
    if name == "kube_pod_container_resource_limits":
        (resource,) = (matcher.value for matcher in selector.matchers.matchers if matcher.name == "resource")
        return {"memory": "bytes"}[resource]
    if name == "node_uname_info":
        return NUMBER  # always 1: multiplied by it, a series gets a name
    if name.startswith(("scrap:node_filesystem_", "scrap:calls_failed_by_web:", "scrap:calls_no_open_graph:")):
        return RATIO  # of what is there; growth is that of an hour
    if name in {"scrap:clients_left:ratio", "scrap_cpu_limit_cores"}:
        return RATIO  # of the requests; of a core
    suffixes = {"_seconds": "seconds", "_bytes": "bytes", "_ratio": RATIO, ":rate": "count/s"}
    for ending, unit in suffixes.items():
        if name.endswith(ending):
            return unit
    return "count"


def _called(call: Call) -> str:
    arguments: list[Any] = list(call.args)
    match call.func.name:
        case "histogram_quantile":
            return _measured(arguments[1]).removesuffix("/s")
        case "vector":
            return NUMBER
        case name if name in _FASTENED:
            return f"{_measured(arguments[0])}/s"
        case _:
            return _measured(arguments[0])


def _joined(operator: str, left: str, right: str) -> str:
    if operator in _COMPARED or operator in {"and", "unless"}:
        return left
    if operator == "/":
        return _divided(left, right)
    if left != right and NUMBER not in {left, right}:
        raise ValueError(f"{left} {operator} {right}")
    return right if left == NUMBER else left


def _divided(left: str, right: str) -> str:
    if left == right:
        return RATIO
    if right in {NUMBER, RATIO, "count"}:
        return left
    if left.endswith("/s") and right == "count/s":
        return left.removesuffix("/s")
    if left == f"{right}/s":
        return f"{RATIO}/s"
    raise ValueError(f"{left} / {right}")
