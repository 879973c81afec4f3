"""`make bench-quotes`: how long five quotes take to be located in a talk of 20,000 words.

The talk is made by chance from a fixed seed, its words as frequent as in language (Zipf). Of
the quotes two are exact, two have a word wrong, and one was never said. Their transcript is
prepared anew each time, as for each analysis.
"""

from __future__ import annotations

import random
import statistics
import sys
import time

from pipeline.speech.quotes import QuoteIndex
from pipeline.speech.transcript import Segment, Transcript

WORDS = 20_000
WORDS_PER_SEGMENT = 20
VOCABULARY = 3_000
ROUNDS = 21
GOAL_SECONDS = 0.050


def main() -> int:
    """Print the median and the worst of some rounds; 0 if the median meets the goal."""
    chance = random.Random(7)  # noqa: S311 - a made-up talk, not a secret
    vocabulary = [f"word{rank}" for rank in range(VOCABULARY)]
    weights = [1 / (rank + 1) for rank in range(VOCABULARY)]
    words = chance.choices(vocabulary, weights, k=WORDS)
    transcript = Transcript(
        segments=tuple(
            Segment(number, " ".join(words[at : at + WORDS_PER_SEGMENT]))
            for number, at in enumerate(range(0, WORDS, WORDS_PER_SEGMENT))
        ),
        language="en",
        duration=WORDS / 2.3,
        engine="made up",
    )
    quotes = [
        words[100:112],
        words[15_000:15_008],
        [*words[9_000:9_006], "wrong", *words[9_007:9_015]],
        [*words[4_000:4_011], "wrong", *words[4_012:4_020]],
        chance.choices(vocabulary, weights, k=15),
    ]
    seconds = [_seconds(transcript, [" ".join(quote) for quote in quotes]) for _ in range(ROUNDS)]
    median = statistics.median(seconds)
    sys.stdout.write(
        f"5 quotes in {WORDS:,} words: median {median * 1000:.1f} ms, worst "
        f"{max(seconds) * 1000:.1f} ms of {ROUNDS} rounds (goal: {GOAL_SECONDS * 1000:.0f} ms)\n"
    )
    return 0 if median < GOAL_SECONDS else 1


def _seconds(transcript: Transcript, quotes: list[str]) -> float:
    begun = time.perf_counter()
    index = QuoteIndex(transcript)
    statuses = [found.status if (found := index.locate(quote)) else None for quote in quotes]
    spent = time.perf_counter() - begun
    if statuses != ["verified", "verified", "repaired", "repaired", None]:
        raise AssertionError("the quotes were not located as they should be")
    return spent


if __name__ == "__main__":
    sys.exit(main())
