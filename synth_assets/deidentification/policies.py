"""Ready-made policies: the treatment that a law asks for each entity type, and whether a person's own is weaker.

HIPAA Safe Harbor, 45 CFR 164.514(b)(2): the eighteen identifiers, by what the classifier or a person says a column
holds. What is not undone by this policy, as nobody can see it in a column, is in :data:`PROMISES`.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Any, Literal, Protocol

from pydantic import BaseModel, ConfigDict, model_validator

from synth_assets.classification.vocabulary import EntityType, Role, role_of
from synth_assets.deidentification.coarsening import Code, Generalize, Mask
from synth_assets.deidentification.defaults import Judged, resolve_treatment
from synth_assets.deidentification.harbor import OLD, SafeHarbor
from synth_assets.deidentification.rule import TEXT, is_number, is_temporal
from synth_assets.deidentification.treatments import AnyTreatment, Suppress
from synth_assets.errors import SpecError

REMOVED: frozenset[EntityType] = frozenset(
    {
        # (A) names
        *("person_name", "first_name", "last_name", "middle_name", "username"),
        # (B) what is smaller than a state, but for the postcode
        *("street_address", "address_part", "city", "latitude", "longitude", "geo_point"),
        # (D) to (F) telephones, fax, mail; (G) to (K) numbers of people, accounts, licences
        *("phone", "email", "national_id", "person_id", "record_id", "iban", "bank_account", "credit_card", "card_cvv"),
        *("card_expiry", "passport", "drivers_license"),
        # (L) to (O) vehicles, devices, addresses of the web and the net; (P), (Q) pictures; (R) what may hold any
        *("license_plate", "vin", "mac_address", "url", "ip_address", "photo", "free_text_pii", "text", "password"),
        "organization",  # employers, who are named in the paragraph itself
    }
)
DATES: frozenset[EntityType] = frozenset({"date_of_death", "person_date", "date"})
PROMISES = {
    "hipaa_safe_harbor": "The eighteen identifiers of HIPAA Safe Harbor (45 CFR 164.514(b)(2)(i)) were removed or "
    "coarsened, as far as columns were recognized. Not promised: that nobody knows otherwise (paragraph ii), that "
    "columns hold what they were taken for, or that rare combinations of what is left tell nobody apart."
}


@dataclass(frozen=True)
class _Declared:
    """What a spec says of a column."""

    entity_type: EntityType
    role: Role


class JudgedColumn(Judged, Protocol):
    """A column and what is known about it."""

    @property
    def data_type(self) -> str:
        """DuckDB's name of its type."""

    @property
    def unique(self) -> bool:
        """Whether no value occurs twice."""


class Policy(BaseModel):
    """A policy of a source, by name.

    ``as_of`` is the day by which ages are reckoned; without it dates of birth are withheld.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: Literal["hipaa_safe_harbor"]
    as_of: date | None = None

    @model_validator(mode="before")
    @classmethod
    def _by_name(cls, data: Any) -> Any:
        return {"name": data} if isinstance(data, str) else data

    @property
    def told(self) -> dict[str, str]:
        """What a card says of it: what it does, and what it does not promise."""
        return {"name": self.name, "promise": PROMISES[self.name]}

    def settle(self, place: str, verdict: JudgedColumn, chosen: AnyTreatment | None, is_unit: bool) -> AnyTreatment:
        """The treatment of a column: the person's, which stands at ``place`` in the spec, or the policy's own.

        Raises:
            SpecError: the person's shows more than the policy allows.
        """
        unique = verdict.unique or is_unit
        if chosen is None:
            return Suppress() if is_unit else self.treatment(verdict, verdict.data_type, unique)
        self.require(place, verdict, chosen, verdict.data_type, unique)
        return chosen

    def treatment(self, verdict: Judged, data_type: str, unique: bool) -> AnyTreatment:
        """The treatment of a column that nobody has written one for."""
        kind = verdict.entity_type
        if verdict.role == "undecided" or kind in REMOVED or verdict.role == "direct_identifier":
            return Suppress()
        if kind == "postcode":
            return SafeHarbor(part="postcode")
        if kind == "date_of_birth":
            dated = self.as_of is not None and (is_temporal(data_type) or data_type == TEXT)
            return SafeHarbor(part="birth", as_of=self.as_of) if dated else Suppress()
        if kind in DATES or is_temporal(data_type):
            return Generalize(date="year") if is_temporal(data_type) or data_type == TEXT else Suppress()
        if kind == "age":
            return Code(top_code=OLD) if is_number(data_type) else Suppress()
        if kind == "region" or (unique and data_type == TEXT):
            return Suppress()  # a region may be smaller than a state, a unique text is a number of somebody
        return resolve_treatment(verdict)

    def check(self, place: str, kind: EntityType, role: Role | None, chosen: AnyTreatment) -> None:
        """As :meth:`settle` before the data are there: only the type that a person has declared is known.

        Raises:
            SpecError: the treatment shows more than the policy allows.
        """
        self.require(place, _Declared(kind, role or role_of(kind)), chosen, TEXT, unique=False)

    def require(self, place: str, verdict: Judged, chosen: AnyTreatment, data_type: str, unique: bool) -> None:
        """Refuse a person's treatment that shows more than the policy.

        Raises:
            SpecError: it does.
        """
        asked = self.treatment(verdict, data_type, unique)
        if verdict.entity_type == "region" and verdict.role != "undecided":
            return  # only a person knows that it is a state
        if isinstance(chosen, Suppress) or (isinstance(chosen, Mask) and chosen.uniform) or chosen == asked:
            return
        if verdict.entity_type == "age" and _stops_at_90(chosen):
            return
        if not isinstance(asked, Suppress | SafeHarbor | Generalize | Code):
            return
        raise SpecError(
            f"{place} ({chosen.describe()}) shows more of a column of type {verdict.entity_type} than {self.name} "
            f"allows; leave the treatment out, which makes it `{asked.describe()}`, or write `suppress`"
        )


def _stops_at_90(chosen: AnyTreatment) -> bool:
    """Whether all ages from 90 on become one."""
    if isinstance(chosen, Code):
        return isinstance(chosen.top_code, int | float) and chosen.top_code <= OLD
    return isinstance(chosen, Generalize) and chosen.edges is not None and chosen.edges[-1] <= OLD


__all__ = ["PROMISES", "Policy"]
