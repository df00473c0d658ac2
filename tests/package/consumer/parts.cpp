// SPDX-License-Identifier: Apache-2.0
#include <fronta/cpu/threads.hpp>
#include <fronta/executor.hpp>

int main() {
  fronta::executor ex{fronta::cpu::threads{.workers = 2}};
  auto sum = ex.submit([] { return 40; });
  auto answer = ex.submit([](int x) { return x + 2; }, sum);
  return answer.get() == 42 ? 0 : 1;
}
