# SPDX-License-Identifier: Apache-2.0
"""`fronta stage` from outside, on the display that the environment names."""
import contextlib
import os
import shutil
import signal
import subprocess
import tempfile
import time
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

    def test_opens_on_each_clock_and_with_a_clicker(self):
        for clock in ("linear", "steps", "warped"):
            result = stage(self.trace, "--clock", clock, "--clicker", "--exit-after", "0.2")
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
        self.assert_one_sentence(stage(__file__), 1, "cannot be shown: this is no trace")

    def test_follows_a_process_and_closes_when_it_ends(self):
        trace = os.path.join(self.folder.name, "live.trace")
        with tempfile.TemporaryDirectory() as runtime:
            run = subprocess.Popen(
                [FRONTA, "run", "divisibility", "--speed", "0.05", "--pictures", "none", "--trace", trace],
                env=dict(os.environ, XDG_RUNTIME_DIR=runtime), stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL)
            while not os.path.exists(os.path.join(runtime, "fronta", f"{run.pid}.sock")):
                self.assertIsNone(run.poll())
            result = stage("--attach", str(run.pid), "--exit-after-run", XDG_RUNTIME_DIR=runtime)
            self.assertEqual((result.returncode, result.stderr), (0, ""))
            self.assertEqual(run.wait(), 0)
            self.assertEqual(os.listdir(os.path.join(runtime, "fronta")), [])
            self.assert_one_sentence(stage("--attach", str(run.pid), XDG_RUNTIME_DIR=runtime), 1,
                                     f"no process {run.pid}")
            self.assert_one_sentence(stage("--attach", str(os.getpid()), XDG_RUNTIME_DIR=runtime), 1,
                                     "is not being recorded")
        self.assert_one_sentence(stage("--attach", self.trace), 1, "without --attach")
        self.assert_one_sentence(stage("--attach", trace, trace), 2, "one of them")

    def demo(self, *arguments, **environment):
        changed = {name: value for name, value in {**os.environ, **environment}.items() if value is not None}
        return subprocess.run([FRONTA, "run", "divisibility", "--speed", "0.02", "--seed", "7", *arguments],
                              capture_output=True, text=True, env=changed, timeout=60, cwd=self.folder.name)

    def test_a_demo_opens_a_window_on_its_own_run(self):
        done = self.demo("--stage", "--exit-after-run")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertRegex(done.stdout, r"\nanswer +1 integer")
        self.assertRegex(done.stdout, r"\ntrace +out/divisibility.trace \(fronta stage plays it\)\n$")
        self.assertNotIn("no window", done.stderr)
        self.assertEqual(stage(os.path.join(self.folder.name, "out/divisibility.trace"), "--exit-after", "0").returncode, 0)

    def windows(self):
        """Numbers of the window's processes that were started on a run in our folder."""
        found = []
        for process in os.listdir("/proc"):
            try:
                with open(f"/proc/{process}/cmdline", "rb") as file:
                    words = file.read().split(b"\0")
                if words[0].endswith(b"fronta-stage") and os.readlink(f"/proc/{process}/cwd") == self.folder.name:
                    found.append(int(process))
            except OSError:
                pass
        return found

    def state_of(self, process):
        with open(f"/proc/{process}/stat") as file:
            return file.read().rpartition(")")[2].split()[0]

    def test_a_demo_that_is_killed_while_its_window_starts_leaves_none_behind(self):
        for sent in (signal.SIGTERM, signal.SIGKILL):
            demo = subprocess.Popen([FRONTA, "run", "divisibility", "--speed", "100", "--stage", "--pictures", "none"],
                                    cwd=self.folder.name, env={**os.environ, "TMPDIR": self.folder.name},
                                    stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            while not (windows := self.windows()):
                self.assertIsNone(demo.poll())
            os.kill(windows[0], signal.SIGSTOP)  # however quick it is
            # Of signals that wait together the system delivers SIGTERM before SIGSTOP.
            while self.state_of(windows[0]) != "T":
                time.sleep(0.001)
            demo.send_signal(sent)
            if sent == signal.SIGKILL:
                demo.wait(timeout=60)
                # Where that leaves nobody to let it go on, the system has ended it already.
                with contextlib.suppress(ProcessLookupError):
                    os.kill(windows[0], signal.SIGCONT)
            else:
                # It gets a signal that ends it, which it takes as soon as it goes on.
                os.kill(windows[0], signal.SIGCONT)
                self.assertEqual(demo.wait(timeout=60), 130)
            ends = time.monotonic() + 30
            while self.windows() and time.monotonic() < ends:
                time.sleep(0.05)
            self.assertEqual(self.windows(), [])

    def test_what_a_window_saved_outlives_a_trace_that_nobody_asked_for(self):
        temporary = os.path.join(self.folder.name, "tmp")
        os.mkdir(temporary)
        demo = subprocess.Popen([FRONTA, "run", "divisibility", "--speed", "0", "--stage", "--pictures", "none"],
                                cwd=self.folder.name, env={**os.environ, "TMPDIR": temporary},
                                stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        while "window" not in (line := demo.stdout.readline()):
            self.assertNotEqual(line, "")
        (trace,) = os.listdir(temporary)
        with open(os.path.join(temporary, trace, "run-1.png"), "w"):
            pass
        os.kill(self.windows()[0], signal.SIGTERM)
        _, err = demo.communicate(timeout=60)
        self.assertEqual(demo.returncode, 0, err)
        self.assertIn(f"what was saved beside the trace is in {temporary}/{trace}", err)
        self.assertEqual(os.listdir(os.path.join(temporary, trace)), ["run-1.png"])

    def test_a_demo_runs_again_where_its_window_wants_that(self):
        with tempfile.TemporaryDirectory() as folder:
            shutil.copy(FRONTA, folder)
            window = os.path.join(folder, "fronta-stage")
            with open(window, "w") as out:
                out.write("#!/bin/sh\n"
                          "echo \"$@\" >> said\n"
                          "echo >&3\n"
                          "[ -e before ] || echo --preset timeline >&3\n"
                          "touch before\n")
            os.chmod(window, 0o755)
            done = subprocess.run([os.path.join(folder, "fronta"), "run", "divisibility", "--stage", "--speed", "0",
                                   "--size", "1000", "--seed", "7", "--trace", "t"], cwd=folder,
                                  capture_output=True, text=True, timeout=60)
            self.assertEqual(done.returncode, 0, done.stderr)
            with open(os.path.join(folder, "said")) as said:
                self.assertEqual(said.read(), "t --tell 3\nt --tell 3 --preset timeline\n")
            self.assertEqual(done.stdout.count("answer "), 2)

    def test_a_demo_without_a_display_says_so_and_leaves_pictures(self):
        for arguments, environment, reason in (
                (["--stage"], {"DISPLAY": None}, "there is no window on this run: there is no display"),
                (["--stage"], {"MESA_GL_VERSION_OVERRIDE": "2.1"}, "OpenGL 3.3"),
                (["--stage", "--no-window"], {}, None)):
            done = self.demo(*arguments, "--pictures", "p", **environment)
            self.assertEqual(done.returncode, 0, done.stderr)
            said = [line for line in done.stderr.splitlines() if "no window" in line]
            self.assertEqual(len(said), 0 if reason is None else 1, done.stderr)
            if reason is not None:
                self.assertIn(reason, said[0])
            self.assertRegex(done.stdout, r"\npictures +p/divisibility\.\{png,html,svg\}\n$")
            self.assertEqual(sorted(os.listdir(os.path.join(self.folder.name, "p"))),
                             ["divisibility.html", "divisibility.png", "divisibility.svg"])

    def test_names_the_monitors_that_there_are(self):
        self.assert_one_sentence(stage(self.trace, "--monitor", "xyz"), 1, "no monitor \"xyz\"")

    def test_refuses_what_makes_no_sense(self):
        self.assert_one_sentence(stage(self.trace, "--size", "7"), 2, "1280x720")
        self.assert_one_sentence(stage(self.trace, "--bogus"), 2, "no option --bogus")

    def test_prints_help(self):
        result = stage("--help")
        self.assertEqual(result.returncode, 0)
        for option in ("--preset", "--theme", "--size", "--monitor", "--scale", "--exit-after", "--attach", "--clock", "--clicker"):
            self.assertIn(option, result.stdout)


if __name__ == "__main__":
    unittest.main()
