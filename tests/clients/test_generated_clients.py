"""Clients made of ``/openapi.json`` by generators: they compile, and call the server well."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import httpx

STORY = Path(__file__).with_name("generated_story.py")
LIMIT_S = 120.0


def run(*command: str | Path, cwd: Path, **environ: str) -> str:
    done = subprocess.run(
        command,
        cwd=cwd,
        env={"PATH": os.environ["PATH"], "HOME": str(cwd)} | environ,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=LIMIT_S,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    return done.stdout


def test_typescript(node, served):
    document = httpx.get(f"{served['url']}/openapi.json").text
    node.write("openapi.json", document)

    # What has a default may be left out.
    making = ("openapi.json", "-o", "api.d.ts", "--default-non-nullable=false")
    node.tool("openapi-typescript", *making)
    options = ("--strict", "--module", "nodenext", "--target", "es2022")
    node.tool("tsc", *options, "generated.ts")

    node.run("generated.js", served)


def test_python(served, tmp_path):
    (tmp_path / "openapi.json").write_text(httpx.get(f"{served['url']}/openapi.json").text)
    (tmp_path / "config.yml").write_text("post_hooks: []\n")
    generator = Path(sys.executable).with_name("openapi-python-client")
    options = ("--meta", "none", "--config", "config.yml", "--output-path", "api_client")

    told = run(generator, "generate", "--path", "openapi.json", *options, cwd=tmp_path)
    assert "warning" not in told.lower(), told

    run(sys.executable, STORY, served["url"], cwd=tmp_path, PYTHONPATH=str(tmp_path))
