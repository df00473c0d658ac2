#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
import json
import pathlib
import stat
import subprocess
import sys
import tempfile
import unittest

RUN = pathlib.Path(__file__).resolve().parents[2] / "tools" / "run_gtests.py"

# A gtest program to the eye of run_gtests.py. Each line of `starts` is a process, with the tests that it was given.
FAKE = """#!/usr/bin/env python3
import os, sys, time
TESTS = {tests!r}
here = os.path.dirname(os.path.abspath(__file__))
if "--gtest_list_tests" in sys.argv:
    print("Running main() from somewhere")
    for suite in dict.fromkeys(name.split(".")[0] for name in TESTS):
        print(suite + ".")
        for name in TESTS:
            if name.split(".")[0] == suite:
                print("  " + name.split(".")[1] + "  # GetParam() = cuda")
    sys.exit(0)
chosen = next(a for a in sys.argv if a.startswith("--gtest_filter="))[len("--gtest_filter="):].split(":")
open(here + "/starts", "a").write(" ".join(chosen) + "\\n")
code = 0
for name in chosen:
    print("[ RUN      ] " + name, flush=True)
    what = TESTS[name]
    if what == "hangs": time.sleep(60)
    if what == "dies": os._exit(6)
    if what == "skips": print("somewhere.cpp:7: Skipped\\nno device here\\n\\n[  SKIPPED ] " + name + " (0 ms)", flush=True)
    if what == "fails": print("Expected: 1\\n[  FAILED  ] " + name + ", where GetParam() = cuda (1 ms)", flush=True)
    if what in ("passes", "spoils the end"): print("[       OK ] " + name + " (0 ms)", flush=True)
    if what == "fails": code = 1
    if what == "spoils the end": code = 9
sys.exit(code)
"""


class RunGtests(unittest.TestCase):
    def run_it(self, **tests):
        """Names with __ for the dot and CudaAlone_ for the slash."""
        named = {n.replace("__", ".").replace("CudaAlone_", "CudaAlone/"): what for n, what in tests.items()}
        with tempfile.TemporaryDirectory() as folder:
            program = pathlib.Path(folder) / "program"
            program.write_text(FAKE.format(tests=named))
            program.chmod(program.stat().st_mode | stat.S_IXUSR)
            results = pathlib.Path(folder) / "results.json"
            done = subprocess.run([sys.executable, RUN, program, "--limit", "2", "--json", results],
                                  capture_output=True, text=True, timeout=50)
            self.assertEqual(done.stderr, "")
            starts = program.with_name("starts").read_text().splitlines()
            outcomes = {r["name"]: r["outcome"] for r in json.loads(results.read_text())}
            return done.returncode, done.stdout, [s.split() for s in starts], outcomes

    def test_those_that_pass_share_a_process(self):
        code, text, starts, _ = self.run_it(A__one="passes", A__two="passes", B__three="skips")
        self.assertEqual((code, starts), (0, [["A.one", "A.two", "B.three"]]))
        self.assertIn("2 passed, 0 failed, 1 skipped", text)
        self.assertIn("skipped 1: no device here", text)

    def test_what_breaks_a_device_is_alone(self):
        code, _, starts, _ = self.run_it(A__one="passes", CudaAlone_B__two="passes", CudaAlone_B__three="passes")
        self.assertEqual((code, starts), (0, [["A.one"], ["CudaAlone/B.two"], ["CudaAlone/B.three"]]))

    def test_skipped_as_a_whole_is_its_own_status(self):
        code, text, starts, outcomes = self.run_it(A__one="skips", CudaAlone_B__two="passes")
        self.assertEqual((code, starts), (77, [["A.one"]]))
        self.assertEqual(outcomes["CudaAlone/B.two"], "skipped")
        self.assertIn("skipped 2: no device here", text)

    def test_the_others_go_on_behind_one_that_fails_dies_or_hangs(self):
        for what in ("fails", "dies", "hangs"):
            code, text, starts, outcomes = self.run_it(A__one="passes", A__two=what, A__three="passes")
            self.assertEqual((code, starts), (1, [["A.one", "A.two", "A.three"], ["A.three"]]), what)
            self.assertEqual(outcomes, {"A.one": "passed", "A.two": "failed", "A.three": "passed"})
            self.assertIn({"fails": "Expected: 1", "dies": "ended with 6", "hangs": "more than 2 s"}[what], text)

    def test_a_bad_end_of_the_process_is_a_failure(self):
        code, text, _, _ = self.run_it(A__one="spoils the end")
        self.assertEqual(code, 1)
        self.assertIn("FAILED A.one (the end of its process)", text)
        self.assertIn("ended with 9", text)


if __name__ == "__main__":
    unittest.main()
