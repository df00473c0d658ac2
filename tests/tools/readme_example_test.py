#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
import contextlib
import io
import pathlib
import sys
import tempfile
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "tools"))
import readme_example  # noqa: E402

SOURCE = "// a comment\n// [readme]\nint main() {\n}\n// [/readme]\n"
README = "# Name\n```sh\n./run\n```\n```cpp\nint old();\n```\n```cpp\nint other();\n```\n"


class ReadmeExample(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.root = pathlib.Path(folder.name)
        (self.root / "demos/examples").mkdir(parents=True)
        (self.root / readme_example.SOURCE).write_text(SOURCE)
        (self.root / "README.md").write_text(README)

    def run_tool(self, *arguments):
        with contextlib.redirect_stderr(io.StringIO()) as complaint:
            code = readme_example.main(list(arguments), self.root)
        return code, complaint.getvalue()

    def test_it_replaces_the_first_cpp_block_only(self):
        self.assertEqual(self.run_tool(), (0, ""))
        self.assertEqual((self.root / "README.md").read_text(), README.replace("int old();\n", "int main() {\n}\n"))

    def test_a_difference_fails_the_check_and_changes_nothing(self):
        code, complaint = self.run_tool("--check")
        self.assertEqual(code, 1)
        self.assertIn("run tools/readme_example.py", complaint)
        self.assertEqual((self.root / "README.md").read_text(), README)

    def test_equality_passes_the_check(self):
        self.run_tool()
        self.assertEqual(self.run_tool("--check"), (0, ""))

    def test_missing_marks_or_block_are_named(self):
        (self.root / "README.md").write_text("# Name\n")
        self.assertIn("```cpp", self.run_tool("--check")[1])
        (self.root / readme_example.SOURCE).write_text("int main() {}\n")
        self.assertIn("[readme]", self.run_tool("--check")[1])

    def test_wrong_usage_prints_the_usage(self):
        code, complaint = self.run_tool("--frob")
        self.assertEqual(code, 2)
        self.assertIn("usage:", complaint)


if __name__ == "__main__":
    unittest.main()
