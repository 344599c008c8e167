"""Privacy models for products that need rows: k-anonymity over privacy units and distinct l-diversity.

The choice of generalizations depends on the data, so that the guarantee is heuristic: no epsilon, and never an input of
a differentially private method.
"""

from synth_assets.anonymity.anonymization import anonymize
from synth_assets.anonymity.hierarchies import has_order
from synth_assets.anonymity.model import (
    Anonymization,
    Anonymize,
    AnonymizedColumn,
    Generalization,
    Hierarchy,
)
from synth_assets.anonymity.rare import common_cells, like_withheld, nothing_to_generalize, withhold_rare
from synth_assets.anonymity.reading import Reading, read_groups_of
from synth_assets.anonymity.recount import count_torn
from synth_assets.anonymity.risk import Attackers, Risk, measure_risk
from synth_assets.anonymity.together import Earlier, Promise, exposed, smallest

__all__ = [
    "Anonymization",
    "Anonymize",
    "AnonymizedColumn",
    "Attackers",
    "Earlier",
    "Generalization",
    "Hierarchy",
    "Promise",
    "Reading",
    "Risk",
    "anonymize",
    "common_cells",
    "count_torn",
    "exposed",
    "has_order",
    "like_withheld",
    "measure_risk",
    "nothing_to_generalize",
    "read_groups_of",
    "smallest",
    "withhold_rare",
]
