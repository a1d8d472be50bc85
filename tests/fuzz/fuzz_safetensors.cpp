#include "runtime/io/Safetensors.h"
#include "tests/fuzz/Targets.h"

#include <span>

namespace attune::fuzz {

void safetensors(std::string_view file) {
  const auto bytes = std::as_bytes(std::span(file));
  try {
    const SafetensorsFile parsed = SafetensorsFile::parse({bytes.begin(), bytes.end()}, "the file");
    const std::byte* end = nullptr;
    for (const StoredTensor& tensor : parsed.tensors()) {
      require(!end || tensor.bytes.data() == end, "tensors follow one another");
      end = tensor.bytes.data() + tensor.bytes.size();
      std::int64_t size = safetensorsElementBytes(tensor.dtype);
      for (const std::int64_t extent : tensor.shape)
        size *= extent;
      require(static_cast<std::size_t>(size) == tensor.bytes.size(), "the shape describes the bytes");
      unsigned sum = 0;
      for (const std::byte b : tensor.bytes) // each byte is there to be read
        sum += std::to_integer<unsigned>(b);
      require(sum <= 255 * tensor.bytes.size(), "sums of bytes");
      require(&parsed.at(tensor.name) == &tensor, "a tensor is found by its name");
    }
  } catch (const UserError&) { // the right answer for most inputs
  }
}

} // namespace attune::fuzz
