// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <fronta/backend.hpp>
#include <fronta/gpu/completion.hpp>
#include <fronta/gpu/device.hpp>
#include <fronta/gpu/options.hpp>

#include <memory>
#include <vector>

namespace fronta::gpu::detail {

/// Any devices as places `gpu:0`, `gpu:1` and so on. `who` is named in errors.
std::unique_ptr<backend> make_device_backend(std::vector<std::shared_ptr<device>> devices,
                                             int streams, completion_options how,
                                             const options& watched, const char* who);

}  // namespace fronta::gpu::detail
