"""The ledger as a Dagster resource, and as an accountant that diffprivlib's tools can be given.

What belongs here: handing the durable ledger to assets and to diffprivlib. What does not: any rule about what fits a
budget; those are the ledger's. The default executor makes resources anew in every step's process, so that nothing
about budgets may be kept in this object.
"""

from functools import cache
from pathlib import Path
from typing import Any

from dagster import ConfigurableResource
from pydantic import Field

from synth_assets.accounting import Charge, Event, Ledger
from synth_assets.accounting.budget import Total, chargeable, exact, judged, rounded_down
from synth_assets.errors import BudgetExceeded


class BudgetAccountantResource(ConfigurableResource[Any]):
    """Budgets of all sources, kept in the ledger at ``path``, which must exist (see :meth:`Ledger.open`)."""

    path: str = Field(description="The ledger's file; one for all processes and all time.")

    @property
    def ledger(self) -> Ledger:
        """The ledger itself."""
        return Ledger(Path(self.path))

    def accountant(self, source: str, **charged_to: Any) -> Any:
        """Return a ``diffprivlib.BudgetAccountant`` of this source, for tools that take ``accountant=``.

        Its ceiling is the source's and its history what the ledger holds at each moment, whoever spent it. ``spend``
        writes to the ledger first and is refused where the ledger refuses; diffprivlib calls it before it returns an
        answer, so no answer gets out uncharged. ``charged_to`` are the facts of the charges: ``asset``,
        ``consumer``, ``product``, ``release_id``, ``at``, ``run_id`` and, optionally, ``consumer_share``, ``unit``
        and ``mechanism``. The charges made are in ``charges``. Without these facts it can check, not spend.

        Raises:
            LedgerError: the source has no ceiling.
        """
        return _accountant_class()(self.ledger, source, charged_to)


@cache
def _accountant_class() -> Any:
    """Make the subclass on demand, as importing diffprivlib takes seconds."""
    from diffprivlib import BudgetAccountant
    from diffprivlib.utils import Budget, BudgetError

    class Refused(BudgetExceeded, BudgetError):  # type: ignore[misc]  # diffprivlib is untyped
        """A refusal that is both diffprivlib's and ours."""

    class LedgerAccountant(BudgetAccountant):  # type: ignore[misc]  # diffprivlib is untyped
        """A ``BudgetAccountant`` whose memory is the ledger; see :meth:`BudgetAccountantResource.accountant`."""

        def __init__(self, ledger: Ledger, source: str, charged_to: dict[str, Any]) -> None:
            self._ledger, self._source = ledger, source
            self._charged_to = dict(charged_to)
            self._unit = self._charged_to.pop("unit", None)
            self._mechanism = self._charged_to.pop("mechanism", "diffprivlib")
            self.charges: list[Charge] = []
            ceiling, _ = ledger.standing(source)
            super().__init__(ceiling.epsilon, ceiling.delta, 0)

        @property
        def spent_budget(self) -> list[tuple[Any, Any]]:
            """All that was spent by anybody, as one exact entry."""
            _, spent = self._ledger.standing(self._source)
            return [(spent.epsilon, spent.delta)] if any(spent) else []

        def check(self, epsilon: float, delta: float) -> bool:
            """Return True where a spend fits now; raises BudgetExceeded where it does not."""
            ceiling, spent = self._ledger.standing(self._source)
            if judged(ceiling, spent, chargeable(Total(exact(epsilon), exact(delta)), ceiling)):
                return True
            left = spent.left_of(ceiling).shown_down()
            raise Refused(
                f"the budget of source {self._source} has no room, in (epsilon, delta): "
                f"requested ({epsilon}, {delta}), spent {tuple(spent.shown())}, remaining {tuple(left)}, "
                f"ceiling {tuple(ceiling.shown())}"
            )

        def spend(self, epsilon: float, delta: float) -> Any:
            """Charge the ledger; raises BudgetExceeded, nothing charged, where it refuses."""
            event = Event(mechanism=self._mechanism, epsilon=epsilon, delta=delta, unit=self._unit)
            try:
                self.charges.append(self._ledger.charge(source=self._source, event=event, **self._charged_to))
            except BudgetExceeded as error:
                raise Refused(str(error)) from None
            return self

        def remaining(self, k: int = 1) -> Any:
            """Return what each of ``k`` equal spends may cost, rounded down so that all of them fit."""
            epsilon, delta = self._ledger.remaining(self._source)
            return Budget(rounded_down(exact(epsilon) / k), rounded_down(exact(delta) / k))

    return LedgerAccountant
