from __future__ import annotations

from typing import Any

import pytest

from synth_assets.summary import _by_chance


@pytest.mark.parametrize(
    ("value", "passed", "said"), [(0.33, True, " by chance"), (0.33, False, ""), (0.1, True, ""), (None, False, "")]
)
def test_a_risk_that_chance_explains_is_called_so(value: float | None, passed: bool, said: str) -> None:
    criteria: list[dict[str, Any]] = [
        {"name": "pair_trends", "value": 0.9, "threshold": 0.6, "passed": True},
        {"name": "inference", "value": value, "threshold": 0.2, "passed": passed},
    ]
    assert _by_chance(criteria) == said
