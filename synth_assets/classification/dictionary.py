"""What column names mean, in English and the everyday words of thirty other languages.

The phrases stand in ``dictionary.yaml``. A phrase counts where its words are found in a column's name; how much of the
name it covers is its weight. What does not belong here: any rule.
"""

from __future__ import annotations

from functools import cache
from importlib.resources import files

import yaml

from synth_assets.classification.vocabulary import EntityType


@cache
def phrases() -> dict[str, EntityType]:
    """Every phrase and what it means; read when it is first asked for, as most processes never do."""
    text = files("synth_assets.classification").joinpath("dictionary.yaml").read_text("utf-8")
    listed: dict[EntityType, str] = yaml.safe_load(text)
    return {" ".join(phrase.split()): entity for entity, said in listed.items() for phrase in said.split(",")}


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


FILLERS = _words("""
    a an and the of de del della di da do der die das des du la le el en in on at for to per no nr num number
    name nome type code id text value current total my our field col column s is was c r i nazwa numer data
    date do does did you your have has had been ever how what which who when where why many much often would should
    please select any are or with about as by not than que cual como cuanto su tu usted esta con quel quelle votre
    vous ce avez wie was welche welcher haben sie ihr ihre ist jak czy jaki jaka jakie twoj masz voce qual seu sua
    quanto come suo lei hai
""")
"""Words that say little beside others: ``gender code`` is about gender."""

PEOPLE_WORDS = _words("""
    adult applicant applicants attrition beneficiaries borrower census citizens client cliente clientele
    clientes clienti clients clinical contacts credit customer customers demografia demographics dipendenti
    donors drivers empleados employee employees funcionarios guests health hospital hr insurance insured
    klanten klienci kunde kunden ludzie marketing medewerkers medical member members mitarbeiter mitglieder
    osoby pacientes pacjenci participants passenger passengers patient patienten patients pazienti people
    person personas personen personnel personnes persons pessoas players pracownicy residents respondents
    survey surveys encuesta encuestas umfrage questionnaire fragebogen sondage ankieta anketa enquete respuestas
    salaries staff student students subscriber subscribers tenants user users usuarios utenti voters
""")
"""Words in a table's or a column's name that speak of people."""
