"""De-identification: treatments by rules fixed beforehand, and fakes that keep a person one person in every table."""

from synth_assets.deidentification.coarsening import Binary, Code, Generalize, Mask, Quantile
from synth_assets.deidentification.columns import (
    KNOWN_GENDER,
    KNOWN_HOME,
    KNOWN_SHIFT,
    ColumnOutcome,
    Deidentification,
    TreatedColumn,
    tells_gender,
    tells_home,
)
from synth_assets.deidentification.defaults import default_treatment, resolve_treatment
from synth_assets.deidentification.deidentify import deidentify
from synth_assets.deidentification.forms import Treatment, parse_treatment
from synth_assets.deidentification.harbor import SafeHarbor
from synth_assets.deidentification.locales import home_expression, locale_of_country
from synth_assets.deidentification.policies import Policy
from synth_assets.deidentification.pools import Locale
from synth_assets.deidentification.randomization import (
    answer_identity,
    answers,
    check_randomized,
    code_column,
    count_query,
    middles,
    response,
)
from synth_assets.deidentification.references import Reference, Tally, follow_references, references_of, tally
from synth_assets.deidentification.rules import suppressed
from synth_assets.deidentification.treatments import (
    AnyTreatment,
    Fake,
    FakeKind,
    FakeText,
    Keep,
    Pseudonymize,
    Randomize,
    RecordCondition,
    Shift,
    Suppress,
    SuppressCells,
)

__all__ = [
    "KNOWN_GENDER",
    "KNOWN_HOME",
    "KNOWN_SHIFT",
    "AnyTreatment",
    "Binary",
    "Code",
    "ColumnOutcome",
    "Deidentification",
    "Fake",
    "FakeKind",
    "FakeText",
    "Generalize",
    "Keep",
    "Locale",
    "Mask",
    "Policy",
    "Pseudonymize",
    "Quantile",
    "Randomize",
    "RecordCondition",
    "Reference",
    "SafeHarbor",
    "Shift",
    "Suppress",
    "SuppressCells",
    "Tally",
    "TreatedColumn",
    "Treatment",
    "answer_identity",
    "answers",
    "check_randomized",
    "code_column",
    "count_query",
    "default_treatment",
    "deidentify",
    "follow_references",
    "home_expression",
    "locale_of_country",
    "middles",
    "parse_treatment",
    "references_of",
    "resolve_treatment",
    "response",
    "suppressed",
    "tally",
    "tells_gender",
    "tells_home",
]
