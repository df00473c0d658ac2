// SPDX-License-Identifier: Apache-2.0
#include <fronta/fronta.hpp>

int main() {
  auto ex = fronta::local_executor();
  const fronta::future<int> product = ex.submit([] { return 6 * 7; });
  return product.get() == 42 ? 0 : 1;
}
