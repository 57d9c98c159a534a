"""The runner of scripts reports their failures, and the packages come from the lock alone."""

from __future__ import annotations

import json

import pytest

from tests.clients.node import PACKAGES, SCRIPTS


def test_a_script_that_fails_fails_the_test_with_what_it_said(node):
    node.write("bad.mjs", "console.log('before'); throw new Error('as was to be shown')")

    with pytest.raises(AssertionError, match=r"(?s)before.*as was to be shown"):
        node.run("bad.mjs", {})


def test_scripts_find_packages_each_other_and_the_server(node):
    text = "import Stripe from 'stripe'; import { server } from './story.mjs'\n"
    node.write("good.mjs", text + "console.log(typeof Stripe, server.url)")

    assert node.run("good.mjs", {"url": "u"}) == "function u\n"


def test_what_is_installed_is_what_the_lock_says():
    lock = json.loads((SCRIPTS / "package-lock.json").read_text())
    locked = {place: package for place, package in lock["packages"].items() if place}

    assert locked
    for place, package in locked.items():
        installed = json.loads((PACKAGES.parent / place / "package.json").read_text())
        assert installed["version"] == package["version"], place
        assert package["integrity"].startswith("sha512-"), place
        # Where packages come from is told by whoever installs them.
        assert "resolved" not in package, place
