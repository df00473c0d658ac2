# SPDX-License-Identifier: Apache-2.0
"""`fronta stage` from outside, on the display that the environment names."""
import os
import subprocess
import tempfile
import unittest

FRONTA = os.environ["FRONTA"]


def stage(*arguments, **environment):
    changed = dict(os.environ)
    for name, value in environment.items():
        if value is None:
            changed.pop(name, None)
        else:
            changed[name] = value
    return subprocess.run([FRONTA, "stage", *arguments], capture_output=True, text=True,
                          env=changed, timeout=60)


class Stage(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory()
        cls.trace = os.path.join(cls.folder.name, "run.trace")
        subprocess.run([FRONTA, "run", "divisibility", "--speed", "0", "--size", "1000", "--seed",
                        "7", "--trace", cls.trace], check=True, capture_output=True)

    @classmethod
    def tearDownClass(cls):
        cls.folder.cleanup()

    def assert_one_sentence(self, result, code, *words):
        self.assertEqual(result.returncode, code, result.stderr)
        self.assertEqual(result.stdout, "")
        self.assertRegex(result.stderr, r"\Afronta: [^\n]*\.\n\Z")
        for word in words:
            self.assertIn(word, result.stderr)

    def test_opens_a_trace_and_closes_after_the_time_given(self):
        for preset in ("stage", "timeline", "completion"):
            for theme in ("light", "dark"):
                result = stage(self.trace, "--preset", preset, "--theme", theme, "--exit-after",
                               "0.2")
                self.assertEqual((result.returncode, result.stdout, result.stderr), (0, "", ""))

    def test_opens_without_a_trace(self):
        result = stage("--exit-after", "0.1")
        self.assertEqual((result.returncode, result.stderr), (0, ""))

    def test_says_that_there_is_no_display(self):
        self.assert_one_sentence(stage(self.trace, DISPLAY=None), 1, "no display", "fronta render")

    def test_says_that_the_display_does_not_answer(self):
        self.assert_one_sentence(stage(self.trace, DISPLAY=":9876"), 1, "display", "fronta render")

    def test_says_that_opengl_is_too_old(self):
        self.assert_one_sentence(stage(self.trace, MESA_GL_VERSION_OVERRIDE="2.1"), 1,
                                 "OpenGL 3.3", "fronta render")

    def test_says_that_a_trace_cannot_be_read(self):
        self.assert_one_sentence(stage(os.path.join(self.folder.name, "absent")), 1, "absent")
        self.assert_one_sentence(stage(__file__), 1, "no trace")

    def test_names_the_monitors_that_there_are(self):
        self.assert_one_sentence(stage(self.trace, "--monitor", "xyz"), 1, "no monitor \"xyz\"")

    def test_refuses_what_makes_no_sense(self):
        self.assert_one_sentence(stage(self.trace, "--size", "7"), 2, "1280x720")
        self.assert_one_sentence(stage(self.trace, "--bogus"), 2, "no option --bogus")

    def test_prints_help(self):
        result = stage("--help")
        self.assertEqual(result.returncode, 0)
        for option in ("--preset", "--theme", "--size", "--monitor", "--scale", "--exit-after"):
            self.assertIn(option, result.stdout)


if __name__ == "__main__":
    unittest.main()
