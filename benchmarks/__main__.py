"""Run the benchmarks and keep what they print.

    python -m benchmarks [NAME ...] [--data DIR]

Each script prints one JSON document; it is kept under ``benchmarks/results/NAME.json`` with date, machine and versions.
Real tables are read from ``--data`` (left out: ``../shared/data``); where there are none, the demo's own are used.
"""

from __future__ import annotations

import argparse
import json
import platform
import subprocess
import sys
import tempfile
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

from synth_assets.demo import generate

ROOT = Path(__file__).parent.parent
RESULTS = ROOT / "benchmarks" / "results"
NIST_COLUMNS = ["AGEP", "SEX", "MSP", "RAC1P", "HOUSING_TYPE", "OWN_RENT", "EDU", "PINCP_DECILE", "DVET", "DEYE"]
PACKAGES = ("dagster", "diffprivlib", "duckdb", "numpy", "pandas", "scikit-learn", "scipy")


def machine() -> dict[str, str]:
    """What the figures were measured with."""
    model = next(
        (line.split(":")[1].strip() for line in Path("/proc/cpuinfo").read_text().splitlines() if "model name" in line),
        platform.processor(),
    )
    return {
        "date": datetime.now(UTC).date().isoformat(),
        "machine": f"{model}, Python {platform.python_version()}",
        "versions": ", ".join(f"{name} {version(name)}" for name in PACKAGES),
    }


def scripts(data: Path | None, folder: Path) -> dict[str, list[str]]:
    """The command line of each benchmark."""
    table = data / "adult_raw.csv" if data else generate(folder)[0]
    commands = {
        "chain": ["chain.py"],
        "classification": ["classification.py", *(["--data", str(data)] if data else [])],
        "deidentification": ["deidentification.py", "names", "joins"],
        "synthesis": ["synthesis.py", "quality", str(table)],
        "pace": ["synthesis.py", "pace"],
        "diffix": ["diffix.py", "quality", str(table)],
        "diffix_pace": ["diffix.py", "pace"],
    }
    if (ROOT / ".peers" / "syndiffix").exists():
        commands["diffix"] += ["--peer"]
    if data:
        commands["synthesis"] += ["--domain", "benchmarks/adult.json", "--target", "label"]
        commands["synthesis"] += ["--peers", "dpmm", "datasynthesizer"]
        commands["diffix"] += ["--target", "label"]
        commands["nist"] = ["synthesis.py", "quality", str(data / "nist_acs_national2019.csv"), "--epsilon", "1"]
        commands["nist"] += ["--domain", "benchmarks/nist.json", "--methods", "mst", "privbayes", "aim"]
        commands["nist"] += ["--columns", *NIST_COLUMNS]
        commands["anonymity"] = ["anonymity.py", "adult", "values", "--data", str(data)]
        commands["evaluation"] = ["evaluation.py", "--data", str(data)]
        commands["statistics"] = ["figures.py", str(table)]
    return commands


def main() -> None:
    """Run what was asked for, one after the other."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*")
    parser.add_argument("--data", type=Path, default=ROOT / "../shared/data")
    arguments = parser.parse_args()
    RESULTS.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        commands = scripts(arguments.data.resolve() if arguments.data.is_dir() else None, Path(folder))
        for name in arguments.names or commands:
            print(f"{name} ...", flush=True)
            script, *rest = commands[name]
            command = [sys.executable, str(ROOT / "benchmarks" / script), *rest]
            done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, check=True)
            document = {**machine(), "results": json.loads(done.stdout)}
            (RESULTS / f"{name}.json").write_text(json.dumps(document, indent=1) + "\n", "utf-8")


if __name__ == "__main__":
    main()
