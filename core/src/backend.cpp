// SPDX-License-Identifier: Apache-2.0
#include <fronta/backend.hpp>

#include <stdexcept>

namespace fronta {

bool launched_task::run() && {
  auto& n = *std::exchange(node_, nullptr);
  const detail::ending scope(n.host);
  if (!n.try_claim(detail::phase::running)) {
    n.drop_keeper();
    return false;
  }
  if (detail::end_with_failed_input(n)) {
    n.drop_keeper();
    return false;
  }
  detail::execute(n);
  return true;
}

void launched_task::fail(std::exception_ptr error) && {
  auto& n = *std::exchange(node_, nullptr);
  detail::abort(n, std::move(error));
  detail::end_code(n);  // it ran elsewhere, and nobody will say so
  n.drop_keeper();
}

namespace {

class bare_backend final : public backend {
 public:
  explicit bare_backend(bare_place config) : config_(std::move(config)) {
    if (config_.name.empty()) {
      throw std::invalid_argument("bare_place: the name is empty; give the place a name");
    }
    if (config_.offers.empty()) {
      throw std::invalid_argument("bare_place: \"" + config_.name +
                                  "\" offers no tags; give it at least one");
    }
    if (config_.offers.find("cpu") != nullptr) {
      throw std::invalid_argument("bare_place: \"" + config_.name +
                                  "\" offers \"cpu\", which belongs to workers; leave it out, "
                                  "and give a pool more workers");
    }
  }
  std::vector<place_info> start(backend_host&) override { return {{config_.name, config_.offers}}; }
  void stop() noexcept override {}
  [[nodiscard]] bool hosts_plain_tasks() const noexcept override { return false; }
  void launch(launched_task, std::size_t, launch_as) noexcept override {}

 private:
  bare_place config_;
};

}  // namespace

std::unique_ptr<backend> make_backend(bare_place config) {
  return std::make_unique<bare_backend>(std::move(config));
}

}  // namespace fronta
