"""The retry-delay expression: parsed into arithmetic, never evaluated as code.

expression = term { ("+" | "-") term }
term       = factor { ("*" | "/" | "%") factor }
factor     = "-" factor | number | "retried" | name "(" expression { "," expression } ")"
           | "(" expression ")"
"""

from __future__ import annotations

import math
import operator
import re
from collections.abc import Callable
from dataclasses import dataclass

MOST_MILLISECONDS = 86_400_000.0
"""A day: QStash waits no longer."""
MOST_CHARACTERS = 200
MOST_NESTED = 20

_TOKEN = re.compile(r"\s*(?:(\d+\.?\d*|\.\d+)|([a-z]+)|([-+*/%(),]))")
_FUNCTIONS: dict[str, tuple[Callable[..., float], range]] = {
    "pow": (math.pow, range(2, 3)),
    "sqrt": (math.sqrt, range(1, 2)),
    "abs": (abs, range(1, 2)),
    "exp": (math.exp, range(1, 2)),
    "floor": (math.floor, range(1, 2)),
    "ceil": (math.ceil, range(1, 2)),
    "round": (round, range(1, 2)),
    "min": (min, range(1, 10)),
    "max": (max, range(1, 10)),
}
_SUMS = {"+": operator.add, "-": operator.sub}
_PRODUCTS = {"*": operator.mul, "/": operator.truediv, "%": math.fmod}


class BadExpression(ValueError):
    """It cannot be read, or has no value; the message says what is wrong."""


def default_seconds(retried: int) -> float:
    """QStash's own backoff: min(86400, e^(2.5·n)) before retry n, counted from 1."""
    return min(86_400.0, math.exp(2.5 * (retried + 1)))


def seconds(expression: str, *, retried: int) -> float:
    """The delay in seconds, between 0 and a day.

    Raises:
        BadExpression: it cannot be read, or has no value for this `retried`.
    """
    reader = _Reader(_tokens(expression), float(retried))
    try:
        milliseconds = reader.expression()
    except (ZeroDivisionError, OverflowError, ValueError) as error:
        if isinstance(error, BadExpression):
            raise
        raise BadExpression("the expression has no value") from error
    if reader.position != len(reader.tokens):
        raise BadExpression(f"unexpected {reader.tokens[reader.position]!r}")
    if math.isnan(milliseconds):
        raise BadExpression("the expression has no value")
    return min(max(milliseconds, 0.0), MOST_MILLISECONDS) / 1000


def _tokens(expression: str) -> list[str]:
    if len(expression) > MOST_CHARACTERS:
        raise BadExpression("the expression is too long")
    tokens, position, text = [], 0, expression.rstrip()
    while position < len(text):
        found = _TOKEN.match(text, position)
        if found is None:
            raise BadExpression(f"unexpected character at {position}")
        tokens.append(found.group().strip())
        position = found.end()
    return tokens


@dataclass
class _Reader:
    tokens: list[str]
    retried: float
    position: int = 0
    depth: int = 0

    def expression(self) -> float:
        value = self.term()
        while (sign := self.peek()) in _SUMS:
            self.position += 1
            value = _SUMS[sign](value, self.term())
        return value

    def term(self) -> float:
        value = self.factor()
        while (sign := self.peek()) in _PRODUCTS:
            self.position += 1
            value = _PRODUCTS[sign](value, self.factor())
        return value

    def factor(self) -> float:
        self.depth += 1
        if self.depth > MOST_NESTED:
            raise BadExpression("the expression is nested too deeply")
        value = self._factor()
        self.depth -= 1
        return value

    def _factor(self) -> float:
        word = self.peek()
        self.position += 1
        if word == "-":
            return -self.factor()
        if word == "(":
            value = self.expression()
            self.expect(")")
            return value
        if word == "retried":
            return self.retried
        if word in _FUNCTIONS:
            return self.call(word)
        try:
            return float(word)
        except ValueError as error:
            raise BadExpression(f"unexpected {word or 'end'!r}") from error

    def call(self, name: str) -> float:
        self.expect("(")
        arguments = [self.expression()]
        while self.peek() == ",":
            self.position += 1
            arguments.append(self.expression())
        self.expect(")")
        function, arity = _FUNCTIONS[name]
        if len(arguments) not in arity:
            raise BadExpression(f"{name} takes another number of arguments")
        return float(function(*arguments))

    def peek(self) -> str:
        return self.tokens[self.position] if self.position < len(self.tokens) else ""

    def expect(self, token: str) -> None:
        if self.peek() != token:
            raise BadExpression(f"{token!r} is missing")
        self.position += 1
