#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""tools/on_hardware.sh with programs that only pretend."""
import os
import pathlib
import shutil
import subprocess
import tempfile
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
DOCTOR = """#!/bin/sh
case "$1 $2" in
    "doctor ") printf '%s\\n' "{doctor}"; exit 0 ;;
    "run divisibility") {divisibility} ;;
    "run pipeline") echo "checksum   1, of all pixels" ;;
esac
"""
WITH = "  device 0    Pretended, 80 GB\nMissing\n  nothing"
WITHOUT = "Missing\n  no driver here: install one"


class OnHardware(unittest.TestCase):
    def run_it(self, *steps, doctor=WITH, divisibility="true", **environment):
        with tempfile.TemporaryDirectory() as name:
            folder = pathlib.Path(name)
            (folder / "tools").mkdir()
            carried = folder / "build/on-hardware"
            (carried / "bin").mkdir(parents=True)
            shutil.copy(ROOT / "tools/on_hardware.sh", folder / "tools")
            (carried / "REVISION").write_text("abc\n")
            program = carried / "bin/fronta"
            program.write_text(DOCTOR.format(doctor=doctor, divisibility=divisibility))
            program.chmod(0o755)
            out = folder / "out"
            done = subprocess.run(["bash", folder / "tools/on_hardware.sh", "run", *steps], capture_output=True,
                                  text=True, timeout=50, env={**os.environ, "OUT": str(out), **environment})
            if not out.exists():
                return done.returncode, done.stderr, [], []
            self.assertLessEqual(len(list(out.iterdir())), 8, "more files do not come back")
            summary = (out / "summary.txt").read_text().splitlines()
            return done.returncode, (out / "steps.log").read_text(), summary, [line.split()[1] for line in summary[-len(
                steps):]]

    def test_steps_that_succeed_are_ok(self):
        code, log, summary, words = self.run_it("doctor", "pipeline", "divisibility")
        self.assertEqual((code, words), (0, ["ok", "ok", "ok"]), summary)
        self.assertIn("device: Pretended, 80 GB; revision abc", summary[0])
        self.assertIn("===== pipeline", log)

    def test_a_step_that_fails_or_takes_too_long_stops_no_other(self):
        code, _, summary, words = self.run_it("divisibility", "pipeline", divisibility="echo oh dear; exit 3")
        self.assertEqual((code, words), (1, ["FAILED", "ok"]))
        self.assertIn("oh dear", summary[1])
        code, log, _, words = self.run_it("divisibility", "pipeline", divisibility="echo begun; sleep 60", LIMIT="5")
        self.assertEqual((code, words), (1, ["TIMED", "ok"]))
        self.assertIn("begun", log, "what it said before is kept")

    def test_without_a_device_nothing_is_claimed(self):
        code, _, summary, words = self.run_it("doctor", "divisibility", "memcheck", doctor=WITHOUT)
        self.assertEqual((code, words), (77, ["skipped"] * 3))
        self.assertIn("no driver here", summary[0])
        self.assertIn("NO GPU WAS USED", summary[1])

    def test_what_there_is_no_time_for_is_said(self):
        code, _, _, words = self.run_it("doctor", BUDGET="0")
        self.assertEqual((code, words), (1, ["NOT"]))

    def test_a_step_that_does_not_exist_is_refused(self):
        code, text, _, _ = self.run_it("doctor", "dance")
        self.assertEqual(code, 2)
        self.assertIn("there is no step 'dance'; choose from machine doctor", text)


if __name__ == "__main__":
    unittest.main()
