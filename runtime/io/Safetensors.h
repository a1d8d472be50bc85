#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace attune {

/// A tensor in a safetensors file: little-endian elements, last dimension fastest.
struct StoredTensor {
  std::string name;
  std::string dtype; ///< as the format spells it: "BF16", "F16", "F32", "I32", ...
  std::vector<std::int64_t> shape;
  std::span<const std::byte> bytes;
};

/// A safetensors file in memory. Layout: 8 bytes of header length, a JSON header {name: {dtype, shape, data_offsets}},
/// the elements. Everything is checked before anything is used: a file that opens has complete tensors which cover the
/// data without gap or overlap.
class SafetensorsFile {
public:
  /// Throws UserError (Invalid): not there, truncated, or a header that breaks a rule; the message names the tensor.
  static SafetensorsFile read(const std::filesystem::path& path);
  /// The same for bytes that are in memory; `what` begins the messages: "file 'in.safetensors'".
  static SafetensorsFile parse(std::vector<std::byte> file, const std::string& what);

  SafetensorsFile(SafetensorsFile&&) = default;
  SafetensorsFile& operator=(SafetensorsFile&&) = default;

  /// In the order of their data. The spans live as long as this object.
  const std::vector<StoredTensor>& tensors() const { return tensors_; }
  /// nullptr if there is none of this name.
  const StoredTensor* find(std::string_view name) const;
  /// Throws UserError with the nearest name that is there.
  const StoredTensor& at(std::string_view name) const;

private:
  SafetensorsFile(std::vector<std::byte> file, std::string what) : file_(std::move(file)), what_(std::move(what)) {}
  void parseHeader();

  std::vector<std::byte> file_;
  std::string what_;
  std::vector<StoredTensor> tensors_;
};

/// Writes the file whole or not at all (runtime/io/WholeFile.h). Each tensor starts at a multiple of its element size.
/// Throws UserError for two tensors of one name or bytes that do not match dtype and shape.
void writeSafetensors(const std::filesystem::path& path, std::span<const StoredTensor> tensors);

/// Bytes per element; 0 if the format has no such dtype.
int safetensorsElementBytes(std::string_view dtype);

} // namespace attune
