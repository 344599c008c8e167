"""What a person sees: the lineage page of the running webserver, and a report, in headless Chromium."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.workspace import command, product, run, write_people, write_spec

pytestmark = pytest.mark.browser

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
QUIET = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--window-size=1800,1000",
    "--virtual-time-budget=30000",
]


@pytest.fixture(autouse=True, scope="module")
def _browser() -> None:
    if CHROMIUM is None:
        if os.environ.get("SYNTH_ASSETS_REQUIRE_BROWSER"):
            pytest.fail("there is no Chromium, and SYNTH_ASSETS_REQUIRE_BROWSER asks for it")
        pytest.skip("there is no Chromium on this machine; install it to run the tests of the pages")


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("browser")
    write_people(folder, 300)
    run(write_spec(folder, product("towns")))
    return folder


@pytest.fixture(scope="module")
def server(workspace: Path) -> Iterator[str]:
    """The address of ``synth-assets ui`` on the workspace."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    clean = {key: value for key, value in os.environ.items() if not key.startswith(("SYNTH_ASSETS", "DAGSTER"))}
    arguments = [sys.executable, "-m", "synth_assets", "ui", "--spec", "synth.yaml", "--port", str(port)]
    with subprocess.Popen(
        arguments,
        cwd=workspace,
        env=clean,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    ) as process:
        address = f"http://127.0.0.1:{port}"
        try:
            wait_for(address, process)
            yield address
        finally:
            os.killpg(process.pid, signal.SIGTERM)
            try:
                process.wait(3)  # it waits for connections that a browser left open
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)


def wait_for(address: str, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        assert process.poll() is None, "the webserver stopped"
        try:
            with urllib.request.urlopen(f"{address}/server_info", timeout=5):
                return
        except OSError:
            time.sleep(0.5)
    pytest.fail("the webserver did not answer")


def browse(url: str, profile: Path, *arguments: str) -> str:
    """What Chromium prints for a page."""
    done = subprocess.run(
        [str(CHROMIUM), *QUIET, f"--user-data-dir={profile}", *arguments, url],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout


def screenshot(url: str, profile: Path, picture: Path) -> None:
    browse(url, profile, f"--screenshot={picture}")
    content = picture.read_bytes()
    assert content.startswith(b"\x89PNG")
    assert len(content) > 20_000


def test_the_lineage_page_shows_the_graph(server: str, tmp_path: Path) -> None:
    page = f"{server}/assets/published/team/towns?view=lineage&lineageScope=upstream&lineageDepth=6"
    shown = browse(page, tmp_path / "profile", "--dump-dom")
    for group in ("raw", "classified", "deidentified", "staged", "report", "published"):
        assert f">{group}<" in shown, group
    assert ">people<" in shown
    assert ">towns<" in shown
    screenshot(page, tmp_path / "profile", tmp_path / "lineage.png")


def test_the_asset_page_shows_schema_and_check(server: str, tmp_path: Path) -> None:
    shown = browse(f"{server}/assets/report/team/towns", tmp_path / "profile", "--dump-dom")
    for word in ("column_shapes", "threshold", "verdict", "Show Markdown"):
        assert word in shown, word
    table = browse(f"{server}/assets/published/team/towns", tmp_path / "profile", "--dump-dom")
    for word in ("sex", "town", "VARCHAR"):
        assert word in table, word


def test_a_report_opens_without_network(workspace: Path, tmp_path: Path) -> None:
    told = command("report", "team/towns", "--spec", "synth.yaml", cwd=workspace)
    html = Path(told.stdout.splitlines()[0])
    content = html.read_text()
    assert "http://" not in content.replace("http://www.w3.org", "")
    assert "<script" not in content
    shown = browse(html.as_uri(), tmp_path / "profile", "--dump-dom")
    for word in ("team/towns", "town", "sex", "singling out"):
        assert word.lower() in shown.lower(), word
    screenshot(html.as_uri(), tmp_path / "profile", tmp_path / "report.png")
