"""The documents say what the code does: links, examples, verbs, keys, defaults, words and figures are checked."""

from __future__ import annotations

import doctest
import json
import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import pytest
import typer
import yaml
from pydantic import BaseModel

from resources import environment
from synth_assets import __version__, errors
from synth_assets.classification.vocabulary import ENTITY_TYPES
from synth_assets.cli import app
from synth_assets.deidentification import FakeKind
from synth_assets.ingestion.location import _SUFFIXES
from synth_assets.loading import Loader
from synth_assets.spec import Spec, parse_spec
from synth_assets.synthesis import METHODS
from tests.test_architecture import LAYERS
from tests.test_recovery import POINTS

ROOT = Path(__file__).parent.parent
DOCS = ROOT / "docs"
PAGES = sorted([ROOT / "README.md", ROOT / "CHANGELOG.md", *DOCS.rglob("*.md")])
WRITTEN = [page for page in PAGES if page.parent.name != "decisions"]
SCHEMA = json.loads((DOCS / "spec.schema.json").read_text("utf-8"))


def page_id(page: Path) -> str:
    return str(page.relative_to(ROOT))


def blocks(page: Path) -> Iterator[tuple[str, str]]:
    """The fenced blocks of a page: info string and content."""
    for found in re.finditer(r"^```([^\n]*)\n(.*?)^```$", page.read_text("utf-8"), re.MULTILINE | re.DOTALL):
        yield found.group(1).strip(), found.group(2)


def prose(page: Path) -> str:
    """A page without its fenced blocks."""
    return re.sub(r"^```.*?^```$", "", page.read_text("utf-8"), flags=re.MULTILINE | re.DOTALL)


def words(page: Path) -> set[str]:
    """What stands in backticks outside fenced blocks."""
    return set(re.findall(r"`([^`\n]+)`", prose(page)))


# -- links ------------------------------------------------------------------------------------------------------------


def anchors(page: Path) -> set[str]:
    """The anchors that GitHub gives the headings of a page."""
    titles = re.findall(r"^#+ +(.+)$", prose(page), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).strip().replace(" ", "-") for title in titles}


@pytest.mark.parametrize("page", PAGES, ids=page_id)
def test_every_relative_link_leads_somewhere(page: Path) -> None:
    text = re.sub(r"`[^`\n]+`", "", prose(page))
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        if re.match(r"[a-z]+:", target):
            continue
        path, _, anchor = target.partition("#")
        there = (page.parent / path).resolve() if path else page
        assert there.exists(), f"{page_id(page)}: {target} does not exist"
        if anchor:
            assert anchor in anchors(there), f"{page_id(page)}: {target} has no such heading"


def test_every_page_is_reached_from_the_readme() -> None:
    reached, waiting = set(), [ROOT / "README.md"]
    while waiting:
        page = waiting.pop()
        reached.add(page)
        linked = {
            (page.parent / t.split("#")[0]).resolve() for t in re.findall(r"\]\(([^)\s]+\.md[^)]*)\)", prose(page))
        }
        waiting += [path for path in linked if path.exists() and path not in reached]
    assert {page_id(page) for page in PAGES if page not in reached} == set()


# -- examples ---------------------------------------------------------------------------------------------------------


def whole_specs() -> list[tuple[str, str]]:
    return [(page_id(page), text) for page in WRITTEN for info, text in blocks(page) if info == "yaml spec"]


@pytest.mark.parametrize(("page", "text"), whole_specs())
def test_every_whole_spec_is_valid(page: str, text: str) -> None:
    spec = parse_spec(text, ROOT / "synth.yaml", {"DATA": "data"})
    assert spec.sources
    assert list(spec.products()), f"{page}: a whole spec shows a product"


def test_there_are_whole_specs_in_readme_and_reference() -> None:
    assert {"README.md", "docs/spec.md"} <= {page for page, _ in whole_specs()}


@pytest.mark.parametrize("page", WRITTEN, ids=page_id)
def test_every_yaml_block_is_yaml(page: Path) -> None:
    for info, text in blocks(page):
        if info.startswith("yaml"):
            yaml.safe_load(text)


@pytest.mark.parametrize("page", [page for page in WRITTEN if ">>>" in page.read_text("utf-8")], ids=page_id)
def test_examples_in_python_run(page: Path) -> None:
    failed, tried = doctest.testfile(str(page), module_relative=False, encoding="utf-8")
    assert tried
    assert not failed


# -- the command line -------------------------------------------------------------------------------------------------


def verbs() -> dict[str, set[str]]:
    """Every verb of the command line with its options; verbs of a group are written ``budget verify``."""
    group = typer.main.get_command(app)
    found: dict[str, set[str]] = {}
    for name, command in group.commands.items():  # type: ignore[attr-defined]
        found[name] = {option for parameter in command.params for option in parameter.opts}
        for inner, nested in getattr(command, "commands", {}).items():
            found[f"{name} {inner}"] = {option for parameter in nested.params for option in parameter.opts}
    return found


def command_lines(page: Path) -> Iterator[str]:
    """Commands of shell blocks; in those that show output (``console``) they follow a ``$``."""
    for info, text in blocks(page):
        if info not in {"sh", "bash", "console"}:
            continue
        for line in text.replace("\\\n", " ").splitlines():
            if info != "console":
                yield line
            elif line.startswith("$ "):
                yield line[2:]


@pytest.mark.parametrize("page", WRITTEN, ids=page_id)
def test_commands_in_shell_blocks_exist(page: Path) -> None:
    known = verbs()
    targets = re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE)
    for line in command_lines(page):
        for part in re.split(r"&&|\||;", line):
            given = shlex.split(part, comments=True)
            while given and re.fullmatch(r"[A-Z_]+=.*", given[0]):
                del given[0]
            if given and given[0] == "make":
                assert all("=" in word or word in targets for word in given[1:]), line
            if not given or Path(given[0]).name != "synth-assets" or given[1:2] == ["--version"]:
                continue
            verb = " ".join(given[1:3]) if " ".join(given[1:3]) in known else given[1]
            assert verb in known, f"{page_id(page)}: `{line}` has no verb of the command line"
            options = {word.split("=")[0] for word in given if word.startswith("--")}
            assert options <= known[verb] | {"--help"}, f"{page_id(page)}: `{line}`"


def test_every_verb_is_in_the_readme() -> None:
    readme = (ROOT / "README.md").read_text("utf-8")
    assert [verb for verb in verbs() if f"`synth-assets {verb}" not in readme] == []


# -- the spec ---------------------------------------------------------------------------------------------------------

MODELS: dict[str, dict[str, Any]] = {
    "Spec": {"sources": [{"name": "patients", "path": "patients.csv", "budget": {"epsilon": 1}}]},
    "Source": {"name": "s", "path": "s.csv", "unit": "id"},
    "SourceFormat": {},
    "Budget": {"epsilon": 1},
    "RecordCondition": {"column": "c", "op": "equals", "value": 1},
    "ColumnDecision": {"bounds": [0, 1]},
    "Mask": {},
    "Fake": {"fake": "name"},
    "Generalize": {},
    "Code": {},
    "Consumer": {"name": "c"},
    "Share": {"epsilon": 1},
    "Product": {"name": "p", "source": "s", "columns": ["age"], "rows": {}},
    "AIM": {"epsilon": 1},
    "Diffix": {},
    "MST": {"epsilon": 1},
    "PrivBayes": {"epsilon": 1},
    "Independent": {"epsilon": 1},
    "Random": {},
    "Statistics": {"count": {}, "epsilon": 1},
    "Count": {},
    "Histogram": {"of": "h"},
    "Sum": {"of": "x"},
    "Mean": {"of": "x"},
    "Variance": {"of": "x"},
    "Quantiles": {"of": "x"},
    "KMeans": {"of": ["x"], "clusters": 2},
    "SuppressCells": {"op": "equals", "value": 1},
    "Quantile": {"quantile": 0.5},
    "Binary": {"above": 1},
    "Shift": {"days": 180},
    "Randomize": {"epsilon": 2},
    "Anonymize": {"k": 2},
    "SafeHarbor": {"part": "postcode"},
    "Policy": {"name": "hipaa_safe_harbor"},
    "Recursive": {"c": 1, "l": 2},
    "Hierarchy": {},
    "Rows": {},
    "Acceptance": {},
}
"""The models that the reference describes, each with what makes one valid."""

INSTEAD = {
    "ColumnDecision": {"categories": ["bounds"]},
    "Product": {"synthesizer": ["rows"], "statistics": ["rows"], "anonymize": ["rows"], "size": ["rows"]},
}
"""Keys whose examples take the place of others."""

BESIDE: dict[str, dict[str, dict[str, Any]]] = {
    "SafeHarbor": {"as_of": {"part": "birth"}},
    "Product": {"size": {"synthesizer": {"method": "random"}}},
    "Anonymize": {
        "k_map": {"population": "register"},
        "delta_presence": {"population": "register"},
        "population": {"k_map": 5},
        "queries": {"loss": "queries"},
    },
}
"""What the example of a key needs beside it."""

DOMAIN = {"categories": {"Randomize"}, "bounds": {"Randomize"}, "bins": {"Randomize"}}
WRITTEN_AS = {"kind": set(MODELS), "base": {"Spec"}, **DOMAIN}
"""Fields that nobody writes: the name of a treatment's long form, the folder of the spec, what the column declares."""


def models_of(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
        for field in annotation.model_fields.values():
            yield from models_of(field.annotation)
    for argument in get_args(annotation):
        yield from models_of(argument)


BY_NAME = {model.__name__: model for model in models_of(Spec)}


def tables() -> dict[str, dict[str, list[str]]]:
    """The tables of the reference: model -> key -> the other cells."""
    found: dict[str, dict[str, list[str]]] = {}
    model = ""
    for line in (DOCS / "spec.md").read_text("utf-8").splitlines():
        if marked := re.fullmatch(r"<!-- model: (\w+) -->", line):
            model = marked.group(1)
            found[model] = {}
        elif line.startswith("#"):
            model = ""
        elif model and (row := re.match(r"\| `(\w+)` \|(.*)\|$", line)):
            found[model][row.group(1)] = [cell.strip() for cell in row.group(2).split(" | ")]
    return found


TABLES = tables()


def test_the_reference_describes_every_model_of_the_spec() -> None:
    described = set(TABLES)
    assert described == set(MODELS)
    assert {name for name in SCHEMA["$defs"] if name not in described} == {
        "FakeText",
        "Keep",
        "Pseudonymize",
        "Suppress",
    }


@pytest.mark.parametrize("name", MODELS)
def test_the_reference_has_every_key_with_its_default(name: str) -> None:
    fields = {k: f for k, f in BY_NAME[name].model_fields.items() if name not in WRITTEN_AS.get(k, set())}
    assert set(TABLES[name]) == set(fields)
    schema = SCHEMA if name == "Spec" else SCHEMA["$defs"][name]
    for key, field in fields.items():
        default = TABLES[name][key][1]
        assert key in schema["properties"]
        if field.is_required():
            assert default == "required", key
        elif field.default is None:
            assert default == "none", key
        elif default == "empty":
            empty = field.get_default(call_default_factory=True)
            assert empty in ((), {}) or not empty.model_dump(exclude_defaults=True), key
        else:
            assert yaml.safe_load(default.strip("`")) == plain(field.default), key


def plain(value: Any) -> Any:
    """A default as YAML would give it; the platform's reader takes 1e-09 for a number, PyYAML for a text."""
    if isinstance(value, tuple):
        return list(value)
    return str(value) if isinstance(value, float) and "e" in str(value) and "." not in str(value) else value


@pytest.mark.parametrize(("name", "key"), [(name, key) for name in MODELS for key in TABLES.get(name, {})])
def test_every_example_of_the_reference_is_valid(
    name: str, key: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "hierarchies").mkdir()
    (tmp_path / "hierarchies" / "occupation.csv").write_text("Nurse;Health;*\nChef;Food;*\n")
    monkeypatch.chdir(tmp_path)  # a library's call has no folder of a spec
    example = yaml.load(TABLES[name][key][-1].strip("`"), Loader)
    assert set(example) == {key}
    kept = {k: v for k, v in MODELS[name].items() if k not in INSTEAD.get(name, {}).get(key, [])}
    made = BY_NAME[name].model_validate({**kept, **BESIDE.get(name, {}).get(key, {}), **example})
    assert key in made.model_fields_set


def test_the_reference_knows_every_word() -> None:
    known = words(DOCS / "spec.md")
    methods = [f"method: {method}" for method in METHODS]
    assert [word for word in [*ENTITY_TYPES, *get_args(FakeKind), *_SUFFIXES, *methods] if word not in known] == []


# -- other facts ------------------------------------------------------------------------------------------------------


def test_every_error_has_a_remedy() -> None:
    rows = re.findall(r"^\| `(\w+)` \|", (DOCS / "operations.md").read_text("utf-8"), re.MULTILINE)
    classes = [
        c.__name__ for c in vars(errors).values() if isinstance(c, type) and issubclass(c, errors.SynthAssetsError)
    ]
    assert [name for name in classes if name not in rows and name != "SynthAssetsError"] == []


def test_every_environment_variable_is_documented() -> None:
    code = Path(environment.__file__).read_text("utf-8")
    named = set(re.findall(r'"((?:SYNTH_ASSETS|DAGSTER)_[A-Z_]+)"', code))
    assert len(named) >= 4
    assert [name for name in named if name not in words(DOCS / "operations.md")] == []


def test_every_method_is_described() -> None:
    known = words(DOCS / "methods.md")
    assert [name for name in [*METHODS, "statistics", "k_anonymity", "deidentified_rows"] if name not in known] == []


def test_every_module_has_its_place_in_the_architecture() -> None:
    known = words(DOCS / "architecture.md")
    rooms = sorted(set().union(*LAYERS) - {"__main__"})
    assert [name for name in rooms if not {name, f"{name}/"} & known] == []


def test_the_architecture_tells_what_every_crash_costs() -> None:
    text = (DOCS / "architecture.md").read_text("utf-8")
    rows = re.findall(r"^\| ([a-z ,0-9]+) \| (\d) \| (\d) \|", text, re.MULTILINE)
    assert {point: (float(then), float(after)) for point, then, after in rows} == POINTS


def test_the_changelog_knows_this_version() -> None:
    titles = re.findall(r"^## \[([^\]]+)\]", (ROOT / "CHANGELOG.md").read_text("utf-8"), re.MULTILINE)
    assert titles[0] == "Unreleased"
    assert __version__ in titles
