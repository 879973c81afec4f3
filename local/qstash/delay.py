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

MOST_SECONDS = 86_400.0
"""A day: QStash waits no longer between two attempts."""
MOST_CHARACTERS = 200
MOST_NESTED = 20

_TOKEN = re.compile(r"\s*(?:(\d+\.?\d*|\.\d+)|([a-z]+)|([-+*/%(),]))", re.ASCII)


class BadExpression(ValueError):
    """It cannot be read, or has no value; the message says what is wrong."""


def _round(value: float) -> float:
    """Halves go away from zero, as in Go; Python's own go to the even neighbour."""
    return math.copysign(math.floor(abs(value) + 0.5), value)


_FUNCTIONS: dict[str, tuple[Callable[..., float], range]] = {
    "pow": (math.pow, range(2, 3)),
    "sqrt": (math.sqrt, range(1, 2)),
    "abs": (abs, range(1, 2)),
    "exp": (math.exp, range(1, 2)),
    "floor": (math.floor, range(1, 2)),
    "ceil": (math.ceil, range(1, 2)),
    "round": (_round, range(1, 2)),
    "min": (min, range(1, 10)),
    "max": (max, range(1, 10)),
}
"""Each with the numbers of arguments that it takes."""
_SUMS = {"+": operator.add, "-": operator.sub}
_PRODUCTS = {"*": operator.mul, "/": operator.truediv, "%": math.fmod}


def default_seconds(retried: int) -> float:
    """QStash's own backoff: min(86400, e^(2.5·n)) before retry n, counted from 1."""
    # e^12.5 is more than a day already: the bound keeps exp() from overflowing.
    return min(MOST_SECONDS, math.exp(2.5 * min(retried + 1, 5)))


def seconds(expression: str, *, retried: int) -> float:
    """The delay in seconds, between 0 and a day.

    Raises:
        BadExpression: it cannot be read, or has no value for this `retried`.
    """
    reader = _Reader(_tokens(expression), float(retried))
    try:
        milliseconds = reader.expression()
    except BadExpression:
        raise
    except (ZeroDivisionError, OverflowError, ValueError) as error:
        raise BadExpression("the expression has no value") from error
    if reader.position != len(reader.tokens):
        raise BadExpression(f"unexpected {reader.tokens[reader.position]!r}")
    if math.isnan(milliseconds):
        raise BadExpression("the expression has no value")
    return min(max(milliseconds / 1000, 0.0), MOST_SECONDS)


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
        # By its first character: float() would take the words "inf" and "nan" too.
        if word[:1].isdigit() or word[:1] == ".":
            return float(word)
        raise BadExpression(f"unexpected {word or 'end'!r}")

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
