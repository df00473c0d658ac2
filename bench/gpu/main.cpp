// SPDX-License-Identifier: Apache-2.0
#include "rig.hpp"

#include <string_view>

int main(int argc, char** argv) {
  using namespace bench::gpu;
  using fronta::gpu::completion_mechanism;
  const bench::row rows[] = {
      {"bare_launches", bare_launches},
      {"tasks", tasks},
      {"tasks_with_breadcrumbs", tasks_with_breadcrumbs},
      {"chain", chain},
      {"chain_with_breadcrumbs", chain_with_breadcrumbs},
      {"latency_frontier", latency<completion_mechanism::frontier>},
      {"latency_event_polling", latency<completion_mechanism::event_polling>},
      {"latency_blocking_sync", latency<completion_mechanism::blocking_sync>},
      {"latency_host_callback", latency<completion_mechanism::host_callback>},
      {"edges", edges},
      {"marks", marks},
      {"bandwidth", bandwidth},
      {"copies", copies},
      {"matmul", matmul},
      {"idle", idle},
  };
  bench::settings chosen;
  for (int i = 1; i + 1 < argc; ++i) {
    if (std::string_view(argv[i]) == "--device") chosen.device = argv[i + 1];
  }
  const auto& on = found(chosen);
  benchmark::AddCustomContext("device", on.name);
  benchmark::AddCustomContext("simulated", on.simulated ? "yes" : "no");
  benchmark::AddCustomContext("driver", on.driver);
  return bench::run(argc, argv, "Fronta", rows);
}
