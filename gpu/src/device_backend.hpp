// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <fronta/backend.hpp>
#include <fronta/gpu/completion.hpp>
#include <fronta/gpu/device.hpp>
#include <fronta/gpu/options.hpp>
#include <fronta/gpu/simulated.hpp>

#include <functional>
#include <memory>
#include <vector>

namespace fronta::gpu::detail {

/// The devices of a simulation, which lives as long as one of them.
std::vector<std::shared_ptr<device>> devices_of(const std::shared_ptr<simulation>& all);

/// Any devices as places `gpu:0`, `gpu:1` and so on. `who` is named in errors. Where completion is
/// `by_hand`, `poll` tells of what has ended, and is true when there was anything; good as long as
/// the backend.
std::unique_ptr<backend> make_device_backend(std::vector<std::shared_ptr<device>> devices,
                                             int streams, completion_options how,
                                             const options& watched, const char* who,
                                             std::function<bool()>* poll = nullptr);

}  // namespace fronta::gpu::detail
