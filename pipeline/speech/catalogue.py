"""The pattern catalogue: stable keys that profiles and trends rest on. New ones go here only."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

OTHER = "other"
"""What fits no key; a coach sees it apart."""


@dataclass(frozen=True, slots=True)
class Pattern:
    """A habit of speech that can be named and counted over sessions."""

    key: str
    name: str
    meaning: str
    category: str
    """`grammar`, `vocabulary` or `structure`: the key's first part."""


_LINES = """
grammar.articles | Articles | a, an or the is missing, extra or wrong
grammar.prepositions | Prepositions | the wrong small word after a verb, noun or adjective
grammar.tense | Tenses | the time of the verb does not fit the time of the story
grammar.aspect | Simple or continuous | "I am knowing", "I work here since May"
grammar.subject_verb_agreement | Verb agreement | "he go", "people is"
grammar.word_order | Word order | parts of the sentence stand where another language puts them
grammar.questions | Questions | questions without do, or indirect ones in direct order
grammar.negation | Negation | double negatives, or no without a helping verb
grammar.countability | Countable nouns | "informations", "many advice"
grammar.plurals | Plurals | the plural is missing or made wrongly
grammar.conditionals | Conditionals | would after if, or mixed conditions
grammar.modals | Modal verbs | "must to", "can to", or the wrong degree of need
grammar.pronouns | Pronouns | the wrong or a doubled pronoun
grammar.verb_forms | Verb forms | gerund or infinitive after a verb; wrong past forms
grammar.relative_clauses | Relative clauses | who, which or that is missing or wrong
grammar.comparison | Comparison | "more better", "as same as"
vocabulary.fillers | Filler words | um, uh, like or you know where a pause would do
vocabulary.repetition | Repeated words | the same word twice in a row, or far too often
vocabulary.vague_words | Vague words | thing, stuff, something where a precise word helps
vocabulary.weak_intensifiers | Weak intensifiers | very or really where a stronger word helps
vocabulary.hedging | Hedging | maybe, kind of, I think: every statement is softened
vocabulary.limited_connectors | Few connectors | ideas are joined by and, so and but alone
vocabulary.calques | Literal translations | an expression carried over from another language
vocabulary.false_friends | False friends | a word that looks alike and means something else
vocabulary.collocations | Collocations | words that English does not put together
vocabulary.register | Register | too formal or too casual for the situation
vocabulary.word_choice | Word choice | a word that nearly means what was meant
vocabulary.basic_verbs | Basic verbs | do, make, get and have where a precise verb helps
vocabulary.jargon | Jargon | special words or abbreviations that listeners may not know
structure.same_openers | Same openers | many sentences begin with the same word
structure.run_ons | Run-on sentences | many thoughts in one long sentence
structure.fragments | Fragments | sentences that break off before they say something
structure.no_opening | No opening | the talk begins without saying what it is about
structure.no_conclusion | No conclusion | the talk ends without a closing thought
structure.digression | Digression | leaves the topic and does not come back
structure.restarts | Restarts | begins a sentence again and again
structure.choppy | Choppy delivery | very short sentences without a flow
structure.unclear_reference | Unclear reference | it, this or they without a clear owner
structure.no_signposting | No signposting | listeners are not told where the talk is going
structure.no_examples | No examples | claims without an example or a figure
structure.order | Order of ideas | steps or reasons come in a confusing order
"""


def _read(line: str) -> Pattern:
    key, name, meaning = (part.strip() for part in line.split("|"))
    return Pattern(key, name, meaning, category=key.partition(".")[0])


PATTERNS: Mapping[str, Pattern] = MappingProxyType(
    {pattern.key: pattern for pattern in map(_read, _LINES.strip().splitlines())}
)
