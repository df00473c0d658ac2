// SPDX-License-Identifier: Apache-2.0
#include <fronta/fronta.hpp>

#include <cstdint>

int main() {
  auto ex = fronta::local_executor();
  const fronta::future<int> product = ex.submit([] { return 6 * 7; });
  if (product.get() != 42) return 1;

  // Links the ready-made kernels, and with them what they need of CUDA.
  fronta::executor gpus{fronta::cpu::threads{.workers = 1}, fronta::gpu::simulated{}};
  const auto sum = gpus.submit([](fronta::gpu::stream& s) {
    auto numbers = s.allocate<std::int32_t>(21);
    auto total = s.allocate<std::int64_t>(1);
    fronta::gpu::fill(s, s.write(numbers), 2);
    fronta::gpu::reduce_sum(s, s.read(numbers), s.write(total));
    return s.readback(s.read(total));
  });
  return sum.get().value() == 42 ? 0 : 1;
}
