// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace bench {

#ifdef __clang__
inline constexpr const char* compiler = "clang++ " __clang_version__;
#else
inline constexpr const char* compiler = "g++ " __VERSION__;
#endif

}  // namespace bench
