"""One synthetic table by a method of this project, in a process of its own; ``benchmarks/synthesis.py`` calls this.

    python synthesis_own.py METHOD EPSILON TABLE.csv DOMAIN.json ROWS.csv [TARGET]

Noise comes from the operating system, as in a release; delta is 1e-9. ``TARGET`` is handed to ``aim``.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from synth_assets.domain import Domain
from synth_assets.synthesis import synthesizer

DELTA = 1e-9


def main() -> None:
    method, epsilon, table, domain, out, *target = sys.argv[1:]
    block: dict[str, object] = {"method": method, "epsilon": float(epsilon), "delta": DELTA}
    if method == "aim" and target:
        block["target"] = target[0]
    known = Domain.from_spec(json.loads(Path(domain).read_text()))
    synthesizer(block).fit(table, known).sample().to_csv(out, index=False)


if __name__ == "__main__":
    main()
