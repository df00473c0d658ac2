// SPDX-License-Identifier: Apache-2.0
// The example in README.md is the part between the two marks; tools/readme_example.py compares it.

// [readme]
#include <fronta/fronta.hpp>

#include <iostream>
#include <ranges>

int main() {
  // A worker for every usable CPU, and one licence for whoever needs it.
  fronta::executor ex{{.tags = {{"licence", 1}}}, fronta::cpu::threads{}};

  fronta::future<int> a = ex.submit([] { return 6 * 7; });
  fronta::future<int> b = ex.submit([](int x) { return x + 1; }, a);  // starts when `a` is done

  const fronta::task_options careful{.name = "sum", .needs = {{"licence", 1}}, .retries = 3};
  auto c = ex.submit(careful, [](int x, int y) { return x + y; }, a, b);
  std::cout << c.get() << '\n';  // 85

  auto square = [](int x) { return x * x; };
  for (int y : ex.map(square, std::views::iota(0, 5))) std::cout << y << ' ';  // 0 1 4 9 16
  std::cout << '\n';
}
// [/readme]
