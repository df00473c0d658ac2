#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
import pathlib
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "tools"))
import coroutine_rule  # noqa: E402  (found through the line above)


class CoroutineRule(unittest.TestCase):
    def accepts(self, code):
        self.assertEqual(coroutine_rule.check(code), [], code)

    def rejects(self, code, lines=(1,)):
        self.assertEqual([finding.line for finding in coroutine_rule.check(code)], list(lines), code)

    def test_accepts_handles(self):
        self.accepts("int x = co_await f; g({.a = 1}, [x] { return x; });")
        self.accepts("use(co_await f, [x] { return x; });")
        self.accepts("auto f = ex.submit([x] { return x; }); co_await f;")
        self.accepts("if (co_await f) { g([x] {}); }")
        self.accepts("for (int y : co_await f) { total += y; }")

    def test_accepts_captureless_lambdas_whatever_their_body_holds(self):
        self.accepts("co_await ex.submit([] { return point{1, 2}; });")
        self.accepts("co_await ex.submit([](int a) noexcept -> std::vector<int> { return {a}; }, f);")
        self.accepts("co_await ex.submit([]<class T>(T a) { return [a] { return a; }(); }, f);")

    def test_accepts_the_operator_itself(self):
        self.accepts("auto operator co_await() const { return awaiter{*this}; }")

    def test_accepts_subscripts(self):
        self.accepts("co_await futures[i];")
        self.accepts("co_await all()[0].resume_on(loops[k]);")

    def test_rejects_captures(self):
        self.rejects("co_await ex.submit([x] { return x; });")
        self.rejects("co_await ex.submit([&] { return x; });")
        self.rejects("int y = 1 + co_await g(h([=]() mutable { return x; }));")
        self.rejects("co_return co_await [this] { return f(); }();")

    def test_rejects_braced_temporaries_at_any_depth(self):
        self.rejects('co_await ex.submit({.name = "a"}, fn);')
        self.rejects("co_await g(h(point{1, 2}));")
        self.rejects("co_await task{};")

    def test_rejects_what_a_captureless_body_awaits(self):
        self.rejects("co_await spawn([]() -> task<> { co_await ex.submit([x] {}); });")

    def test_reports_the_line_and_each_offence(self):
        self.rejects("co_await ex.submit(\n  {.name = \"a\"},\n  [x] { return x; });", lines=(2, 3))

    def test_comments_and_literals_are_not_code(self):
        self.accepts("// co_await ex.submit([x] {});\n/* co_await f({}); */\n")
        self.accepts('auto s = "co_await f({})"; auto r = R"x(co_await f({}))x"; char c = \'{\'; int n = 1\'000;')
        self.accepts('co_await log("[x] {", \'{\');')

    def test_reads_the_cpp_blocks_of_markdown(self):
        text = "co_await f({}) in prose\n\n```cpp\nco_await f;\nco_await f({});\n```\n\n```sh\nco_await f({})\n```\n"
        self.assertEqual([finding.line for finding in coroutine_rule.check_markdown(text)], [5])


if __name__ == "__main__":
    unittest.main()
