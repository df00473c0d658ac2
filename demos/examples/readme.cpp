// SPDX-License-Identifier: Apache-2.0
// The example in README.md is the part between the two marks; tools/readme_example.py compares
// them. [readme]
#include <fronta/fronta.hpp>

#include <chrono>
#include <iostream>
#include <ranges>

using namespace std::chrono_literals;

int main() {
  auto ex = fronta::local_executor();  // a worker for every usable CPU

  fronta::future<int> a = ex.submit([] { return 6 * 7; });
  fronta::future<int> b = ex.submit([](int x) { return x + 1; }, a);  // starts when `a` is done
  auto c = ex.submit(
      {.name = "sum", .retries = 3, .timeout = 5s}, [](int x, int y) { return x + y; }, a, b);
  std::cout << c.get() << '\n';  // 85

  auto square = [](int x) { return x * x; };
  for (int y : ex.map(square, std::views::iota(0, 5))) std::cout << y << ' ';  // 0 1 4 9 16
  std::cout << '\n';
}
// [/readme]
