// SPDX-License-Identifier: Apache-2.0
#include "files.hpp"

#include <cerrno>
#include <cstdio>
#include <memory>
#include <system_error>

namespace fronta::viz::detail {

void write_file(const std::filesystem::path& file, std::string_view bytes, const char* what) {
  const auto fail = [&] {
    throw std::system_error(errno, std::generic_category(),
                            std::string(what) + ": cannot write " + file.string() +
                                "; name a file in a folder that is there and has room");
  };
  std::unique_ptr<std::FILE, int (*)(std::FILE*)> out(std::fopen(file.c_str(), "wb"), &std::fclose);
  if (out == nullptr) fail();
  if (std::fwrite(bytes.data(), 1, bytes.size(), out.get()) != bytes.size()) fail();
  if (std::fclose(out.release()) != 0) fail();  // which writes the last of it
}

cairo_status_t append_bytes(void* to, const unsigned char* bytes, unsigned length) noexcept {
  try {
    static_cast<std::string*>(to)->append(reinterpret_cast<const char*>(bytes), length);
    return CAIRO_STATUS_SUCCESS;
  } catch (...) {
    return CAIRO_STATUS_NO_MEMORY;
  }
}

}  // namespace fronta::viz::detail
