"""cmake/AttuneDigest.cmake: what keys of tuning records say of the compiler that made the kernels."""

import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import unittest

REPOSITORY = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(sys.argv.pop(1)) if len(sys.argv) > 1 else REPOSITORY / "build"
PROJECT = f"""cmake_minimum_required(VERSION 3.25)
project(digest NONE)
include({REPOSITORY}/cmake/AttuneDigest.cmake)
file(GLOB_RECURSE files CONFIGURE_DEPENDS src/*)
attune_digest(digest FUNCTION a::digest HEADER a.h ROOT ${{PROJECT_SOURCE_DIR}} FILES ${{files}})
add_custom_target(digest ALL DEPENDS ${{digest}})
"""


def left_over(name):
    """By an editor or a merge."""
    return name.startswith(".") or name.endswith(("~", ".orig", ".rej"))


class Digest(unittest.TestCase):
    def setUp(self):
        self.folder = pathlib.Path(tempfile.mkdtemp())
        self.addCleanup(shutil.rmtree, self.folder)
        self.project = self.folder / "one"
        (self.project / "src/deep").mkdir(parents=True)
        (self.project / "CMakeLists.txt").write_text(PROJECT)
        (self.project / "src/a.cpp").write_text("one\n")
        (self.project / "src/deep/b.cuh").write_text("two; [three]\n")

    def build(self):
        """Configures where that was not done yet, and makes what is out of date. Returns the digest."""
        run = lambda *command: subprocess.run(command, check=True, capture_output=True, cwd=self.project)
        if not (self.project / "build").exists():
            run("cmake", "-B", "build", "-S", ".")
        run("cmake", "--build", "build")
        text = (self.project / "build/a_digest.cpp").read_text()
        self.assertNotIn(str(self.folder), text)
        return re.fullmatch(r'#include "a.h"\n\nstd::string_view a::digest\(\) { return "([0-9a-f]{16})"; }\n', text)[1]

    def test_a_change_is_seen_by_the_next_build_and_nothing_else_is(self):
        first = self.build()
        file = self.project / "src/deep/b.cuh"
        file.touch()
        self.assertEqual(self.build(), first)
        changes = {
            "a change": lambda: file.write_text("two; [four]\n"),
            "another name": lambda: file.rename(file.with_name("c.cuh")),
            "one more": lambda: (self.project / "src/new.h").write_text(""),
            "one less": lambda: file.unlink(),
        }
        digests = {first}
        for what, change in changes.items():
            change()
            digests.add(self.build())
            shutil.rmtree(self.project / "src")
            (self.project / "src/deep").mkdir(parents=True)
            (self.project / "src/a.cpp").write_text("one\n")
            file.write_text("two; [three]\n")
            self.assertEqual(self.build(), first, f"{what}, taken back")
        self.assertEqual(len(digests), 1 + len(changes))

    def test_another_folder_makes_no_difference(self):
        first = self.build()
        shutil.rmtree(self.project / "build")
        self.project = self.project.rename(self.folder / "two with a space")
        self.assertEqual(self.build(), first)

    def test_all_files_that_decide_the_text_count(self):
        digested = (BUILD / "compiler/attune_generator.files").read_text().split("\n")
        known = {pathlib.Path(name).relative_to(REPOSITORY) for name in digested if name}
        there = {
            path.relative_to(REPOSITORY)
            for room in ("compiler", "templates")
            for path in (REPOSITORY / room).rglob("*")
            if path.is_file() and path.name not in ("README.md", "CMakeLists.txt") and not left_over(path.name)
        }
        self.assertEqual(known, there)


if __name__ == "__main__":
    unittest.main()
