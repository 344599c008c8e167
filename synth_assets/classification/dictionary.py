"""What column names mean, in English, German, French, Spanish, Portuguese, Italian, Dutch, Polish and Japanese.

The phrases stand in ``dictionary.yaml``. A phrase counts where its words are found in a column's name; how much of the
name it covers is its weight. What does not belong here: any rule.
"""

from __future__ import annotations

from importlib.resources import files

import yaml

from synth_assets.classification.vocabulary import EntityType

_PHRASES: dict[EntityType, str] = yaml.safe_load(
    files("synth_assets.classification").joinpath("dictionary.yaml").read_text("utf-8")
)


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


PHRASES: dict[str, EntityType] = {
    " ".join(phrase.split()): entity for entity, text in _PHRASES.items() for phrase in text.split(",")
}
"""Every phrase and what it means."""

FILLERS = _words("""
    a an and the of de del della di da do der die das des du la le el en in on at for to per no nr num number
    name nome type code id text value current total my our field col column s is was c r i nazwa numer data
    date
""")
"""Words that say little beside others: ``gender code`` is about gender."""

PEOPLE_WORDS = _words("""
    adult applicant applicants attrition beneficiaries borrower census citizens client cliente clientele
    clientes clienti clients clinical contacts credit customer customers demografia demographics dipendenti
    donors drivers empleados employee employees funcionarios guests health hospital hr insurance insured
    klanten klienci kunde kunden ludzie marketing medewerkers medical member members mitarbeiter mitglieder
    osoby pacientes pacjenci participants passenger passengers patient patienten patients pazienti people
    person personas personen personnel personnes persons pessoas players pracownicy residents respondents
    salaries staff student students subscriber subscribers tenants user users usuarios utenti voters
""")
"""Words in a table's or a column's name that speak of people."""
