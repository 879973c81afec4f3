"""Slips of grammar and wording that a pattern of letters can find, by the catalogue's keys.

Only what is wrong nearly everywhere is here: a rule that also meets right English would blame
learners for it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from pipeline.speech.catalogue import PATTERNS

_THIRD = "he|she|it|everybody|everyone|nobody"
_PLAIN_VERBS = (
    "go|have|do|make|want|need|say|work|bring|come|give|take|tell|sell|buy|live|love|like|know|"
    "help|play|speak|teach|check|choose|write|read|think|ask|call|look"
)
# After these a plain verb is right: "does he go", "let it go", "I saw her do it".
_HELPERS = (
    "does did can will would should could must may might shall let make made see saw help "
    "helped watched hear heard and if that"
)
_NOT_AFTER = "".join(f"(?<!\\b{word} )" for word in _HELPERS.split())
_NUMBERS = "two|three|four|five|six|seven|eight|nine|ten|twenty|fifty|sixty|hundred|many|several"
_COUNTED = (
    "friend|box|year|month|week|day|hour|kind|colleague|building|question|student|customer|child|"
    "person|country|book|room|problem|idea|mistake|meeting|team|project|word|time"
)
_COMPARED = (
    "better|easier|faster|bigger|smaller|older|cheaper|slower|larger|longer|shorter|nicer|worse|"
    "worser|higher|stronger|happier"
)
_KIN = "aunt|uncle|brother|sister|father|mother|friend|boss|teacher|colleague|grandmother"
_PAST = "yesterday|last (?:week|month|year|summer|winter)|ago"


@dataclass(frozen=True, slots=True)
class Slip:
    """One kind of slip."""

    key: str
    pattern: re.Pattern[str]
    hint: str
    """How it is right."""

    @property
    def name(self) -> str:
        """As the catalogue calls it."""
        return PATTERNS[self.key].name


def _slip(key: str, hint: str, *expressions: str) -> Slip:
    joined = "|".join(f"(?:{expression})" for expression in expressions)
    return Slip(key, re.compile(rf"\b(?:{joined})\b", re.IGNORECASE), hint)


SLIPS: tuple[Slip, ...] = (
    _slip(
        "grammar.subject_verb_agreement",
        "After he, she, it and everybody the verb takes an -s, and people is a plural: "
        "“he works”, “people are”.",
        rf"{_NOT_AFTER}(?:{_THIRD}) (?:always |often |never )?(?:{_PLAIN_VERBS})",
        r"(?:people|they|we|students|children) (?:is|was|has)",
        rf"my (?:{_KIN}|neighbour) (?:{_PLAIN_VERBS})",
    ),
    _slip(
        "grammar.tense",
        "For a finished time take the simple past: “yesterday I spoke”, “last year we built”.",
        rf"(?:have|has) (?:{_PAST}) \w+",
        rf"(?:have|has) \w+(?:ed|en|ne) (?:\w+ ){{0,3}}(?:{_PAST})",
    ),
    _slip(
        "grammar.countability",
        "These words have no plural and no number: “advice”, “a piece of advice”, “information”.",
        r"informations|advices|furnitures|homeworks|equipments|softwares|luggages|knowledges",
        r"many (?:advice|information|furniture|homework|equipment|money|work)",
        r"an (?:advice|information)",
    ),
    _slip(
        "grammar.modals",
        "Leave out “to” after can, must and should: “we must wear gloves”.",
        r"(?:must|can|should|could|might|may|will) to \w+",
    ),
    _slip(
        "grammar.verb_forms",
        "Learn the verb with its form: “I agree”, “enjoy hearing”, “decide to start”, “caught”.",
        r"(?:i am|i'm|am) agree",
        r"(?:enjoy|avoid|suggest|finish)(?:ed)? to \w+",
        r"decided \w+ing to",
        r"look(?:ing)? forward to (?!\w+ing)(?:meet|see|run|hear|work|go|do|get|have)",
        r"(?:catch|think|teach|buy|bring|go|find|know|speak)ed",
    ),
    _slip(
        "grammar.negation",
        "One “no” is enough: “I didn't eat anything” or “I ate nothing”.",
        r"(?:didn't|don't|doesn't|couldn't|can't|wasn't) \w+ (?:nothing|nobody|no|never|nowhere)",
        r"(?:nobody|nothing) (?:didn't|doesn't|don't|couldn't)",
        r"(?:i|we|he|she|they) no (?:want|know|have|like|can)(?:ed)?",
    ),
    _slip(
        "grammar.aspect",
        "Know, need and believe have no -ing form; what began earlier and goes on takes "
        "“I have worked here since”.",
        r"(?:am|is|are|was|were) (?:knowing|believing|needing|wanting|liking|understanding|owning)",
        r"i (?:am working|work|am living|live|am)(?: \w+){0,4} since",
    ),
    _slip(
        "grammar.plurals",
        "After a number and after many the noun takes its plural: “two friends”, “many people”.",
        rf"(?:{_NUMBERS}) (?:{_COUNTED})(?! old)(?!-)",
        r"every (?:words|days|years|people)",
        r"childs|womans|mans|peoples",
    ),
    _slip(
        "grammar.conditionals",
        "No “would” after “if”: “if I won, I would buy a boat”.",
        r"if (?:i|you|he|she|it|we|they|my \w+) would",
    ),
    _slip(
        "grammar.pronouns",
        "Name the person once: “my aunt lives”, not “my aunt she lives”.",
        rf"my (?:{_KIN}) (?:he|she)",
        r"the (?:cats|dogs|children|people) they",
        r"him and me \w+ed",
    ),
    _slip(
        "grammar.relative_clauses",
        "“Who” is for people, “which” for things, and no “it” after them.",
        r"(?:man|woman|person|people|customer|colleague|teacher) which",
        r"which it",
        r"who his",
    ),
    _slip(
        "grammar.comparison",
        "Compare once: “faster” or “more careful”, never both.",
        rf"more (?:{_COMPARED})",
        r"most (?:best|biggest|easiest|fastest|oldest)",
        r"worser|more good|more bad|as same as",
    ),
    _slip(
        "grammar.prepositions",
        "Learn the small word with its verb: “arrive in”, “depend on”, “interested in”.",
        r"arriv(?:e|ed) to",
        r"depend(?:s|ed)? (?:of|from)",
        r"interested (?:on|for)",
        r"(?:good|bad) in \w+ing",
        r"married with|explained? (?:me|us|him|her|them)",
    ),
    _slip(
        "grammar.word_order",
        "Subject, verb, object, then how, where and when: “I like this cake very much”.",
        r"like very much (?:this|the|my|to)",
        r"(?:every|next|last) \w+ (?:want|collect|go|went|have|do) (?:we|i|they)",
        r"in the end (?:has|have|is|was) (?:he|she|we|i)",
        r"(?:have|has) (?:yesterday|then|already there) \w+(?:ed|en)",
    ),
    _slip(
        "grammar.articles",
        "“An” stands before the sound of a vowel, “a” before all others: “an hour”, “a year”.",
        r"a (?!(?:one|once|euro\w*|uni\w+|use\w*|usual|u)\b)(?:[aeio]\w+|hour|honest|honour)",
        r"an (?!(?:hour|honest|honour|heir)\w*\b)[bcdfgjklmnpqrstvwz]\w+",
    ),
    _slip(
        "vocabulary.collocations",
        "Learn words in pairs: “make a mistake”, “do homework”, “take a break”, “heavy rain”.",
        r"(?:do|did|done|doing) a (?:mistake|break|decision|party|photo)",
        r"(?:make|made|makes|making) (?:a lot of |my |the |his |her )?(?:homework|sport|research)",
        r"(?:made|make) (?:me|him|her|us) a (?:favour|question)",
        r"strong (?:rain|traffic)",
    ),
    _slip(
        "vocabulary.false_friends",
        "Check words that look like your own language's: “get a job”, “attend a meeting”.",
        r"becom(?:e|es|ing) a (?:new )?(?:job|letter|present|gift|beer)",
        r"assist (?:at|to)",
        r"followed a formation",
    ),
)


def slips_in(text: str) -> Iterator[tuple[Slip, list[tuple[int, int]]]]:
    """Each kind of slip with its places, as offsets in the text; only kinds that occur."""
    for slip in SLIPS:
        places = [found.span() for found in slip.pattern.finditer(text)]
        if places:
            yield slip, places
