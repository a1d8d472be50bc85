"""What the suites of this folder share: the program `attune` from outside.

usage: SUITE_test.py PATH_OF_ATTUNE"""

import json
import os
import pathlib
import subprocess
import sys
import tempfile
import unittest

ATTUNE = sys.argv.pop(1)
# Nobody's installed bundles, and no cache but the test's own (ATTUNE_CACHE_DIR, which ctest sets), decide what is seen.
NOWHERE = tempfile.TemporaryDirectory()
PINNED = {**os.environ, "XDG_DATA_DIRS": NOWHERE.name, "XDG_CACHE_HOME": NOWHERE.name + "/cache"}
SMALL = {"dtype": "bf16", "q_heads": 2, "kv_heads": 1, "head_dim": 16, "causal": "bottom_right"}


def spec(**changes):
    return json.dumps({**SMALL, **changes})


def attune(*arguments, stdin=None, **environment):
    return subprocess.run(
        [ATTUNE, *map(str, arguments)], input=stdin, capture_output=True, text=True, timeout=300, env={**PINNED, **environment}
    )


class Case(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)

    def expect(self, code, *arguments, says=(), **how):
        done = attune(*arguments, **how)
        self.assertEqual(done.returncode, code, f"{arguments}\n{done.stdout}\n{done.stderr}")
        for text in says:
            self.assertIn(text, done.stderr)
        return done

    def document(self, *arguments, code=0):
        """stdout is one JSON document and nothing else."""
        return json.loads(self.expect(code, *arguments, "--json").stdout)
