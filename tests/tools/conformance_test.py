#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
import pathlib
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "tools"))
import conformance  # noqa: E402  (found through the line above)


class Conformance(unittest.TestCase):
    def ids(self, text, path="core/future_test.cpp"):
        return [(test.name, sorted(test.ids)) for test in conformance.tests_in(text, path)]

    def test_finds_ids_in_test_names(self):
        self.assertEqual(self.ids("TEST(future, F01_F02_agree) {\n"), [("future.F01_F02_agree", ["F-01", "F-02"])])

    def test_finds_ids_in_the_comment_directly_above(self):
        text = "// F-03: polls\n// and F-05.\nTEST_P(future, waits) {\n"
        self.assertEqual(self.ids(text), [("future.waits", ["F-03", "F-05"])])

    def test_a_blank_line_ends_the_comment(self):
        self.assertEqual(self.ids("// F-03\n\nTEST(future, waits) {\n"), [])

    def test_finds_tests_of_whole_programs(self):
        text = "# S-09\nadd_test(NAME program.ends_with_work_in_flight COMMAND ends)\n"
        self.assertEqual(self.ids(text, "executor/CMakeLists.txt"), [("program.ends_with_work_in_flight", ["S-09"])])

    def test_ordinary_names_carry_no_ids(self):
        self.assertEqual(self.ids("TEST(simd, uses_AVX512_when_present) {\n"), [])

    def test_the_page_names_the_work_of_a_line_without_a_test(self):
        catalogue = conformance.read_catalogue("# comment\nF-01\tfoundation,cluster\tAgrees\nF-02\tasync\tCancels\n")
        text = conformance.page(catalogue, conformance.tests_in("TEST(future, F01_agrees) {}", "f_test.cpp"))
        self.assertIn("| F-01 | Agrees | [future.F01_agrees](f_test.cpp)<br>again in: cluster |", text)
        self.assertIn("| F-02 | Cancels | not built yet (async) |", text)

    def test_an_unknown_id_is_an_error(self):
        with self.assertRaises(SystemExit):
            conformance.page([], conformance.tests_in("TEST(future, F99_agrees) {}", "f_test.cpp"))


if __name__ == "__main__":
    unittest.main()
