"""De-identification: treatments by rules fixed beforehand, and fakes that keep a person one person in every table."""

from synth_assets.deidentification.defaults import default_treatment, resolve_treatment
from synth_assets.deidentification.deidentify import (
    KNOWN_GENDER,
    KNOWN_SHIFT,
    ColumnOutcome,
    Deidentification,
    TreatedColumn,
    deidentify,
)
from synth_assets.deidentification.forms import Treatment, parse_treatment
from synth_assets.deidentification.randomization import (
    answer_identity,
    answers,
    check_randomized,
    code_column,
    count_query,
    response,
)
from synth_assets.deidentification.treatments import (
    AnyTreatment,
    Code,
    Fake,
    FakeKind,
    FakeText,
    Generalize,
    Keep,
    Mask,
    Pseudonymize,
    Randomize,
    RecordCondition,
    Shift,
    Suppress,
)

__all__ = [
    "KNOWN_GENDER",
    "KNOWN_SHIFT",
    "AnyTreatment",
    "Code",
    "ColumnOutcome",
    "Deidentification",
    "Fake",
    "FakeKind",
    "FakeText",
    "Generalize",
    "Keep",
    "Mask",
    "Pseudonymize",
    "Randomize",
    "RecordCondition",
    "Shift",
    "Suppress",
    "TreatedColumn",
    "Treatment",
    "answer_identity",
    "answers",
    "check_randomized",
    "code_column",
    "count_query",
    "default_treatment",
    "deidentify",
    "parse_treatment",
    "resolve_treatment",
    "response",
]
