"""Privacy models for products that need rows: k-anonymity over privacy units and distinct l-diversity.

The choice of generalizations depends on the data, so that the guarantee is heuristic: no epsilon, and never an input of
a differentially private method.
"""

from synth_assets.anonymity.anonymization import anonymize
from synth_assets.anonymity.model import (
    Anonymization,
    Anonymize,
    AnonymizedColumn,
    Generalization,
    Hierarchy,
)
from synth_assets.anonymity.rare import nothing_to_generalize, withhold_rare

__all__ = [
    "Anonymization",
    "Anonymize",
    "AnonymizedColumn",
    "Generalization",
    "Hierarchy",
    "anonymize",
    "nothing_to_generalize",
    "withhold_rare",
]
