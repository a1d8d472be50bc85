#include "runtime/io/Safetensors.h"

#include "compiler/spec/Nearest.h"
#include "compiler/spec/Refuse.h"
#include "compiler/spec/StrictJson.h"
#include "runtime/io/WholeFile.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <cstring>
#include <optional>
#include <set>
#include <utility>

namespace attune {

static_assert(std::endian::native == std::endian::little, "tensors are stored little-endian");

namespace {

using Json = nlohmann::json;

constexpr std::uint64_t prefix_bytes = 8;
constexpr std::uint64_t largest_header = 100'000'000; // the limit of the format's own library

constexpr std::pair<std::string_view, int> dtypes[] = {
    {"BOOL", 1}, {"U8", 1},  {"I8", 1},  {"F8_E4M3", 1}, {"F8_E5M2", 1}, {"I16", 2}, {"U16", 2}, {"F16", 2},
    {"BF16", 2}, {"I32", 4}, {"U32", 4}, {"F32", 4},     {"I64", 8},     {"U64", 8}, {"F64", 8}};

const char* const written_by = "write the file again with safetensors.torch.save_file or the like";

std::vector<std::string> dtypeNames() {
  std::vector<std::string> names;
  names.reserve(std::size(dtypes));
  for (const auto& [name, bytes] : dtypes)
    names.emplace_back(name);
  return names;
}

/// Nothing if the product leaves 63 bits.
std::optional<std::uint64_t> bytesOf(std::span<const std::int64_t> shape, int element_bytes) {
  std::int64_t bytes = element_bytes;
  for (const std::int64_t extent : shape)
    if (extent < 0 || __builtin_mul_overflow(bytes, extent, &bytes))
      return std::nullopt;
  return static_cast<std::uint64_t>(bytes);
}

bool isUtf8(const std::string& text) {
  try {
    return !Json(text).dump().empty();
  } catch (const Json::type_error&) {
    return false;
  }
}

struct Entry {
  StoredTensor tensor;
  std::uint64_t begin, end; // in the data
};

/// The entry of one tensor in the header. `what` names file and tensor.
class EntryReader {
public:
  EntryReader(const Json& json, std::string what) : json_(json), what_(std::move(what)) {}

  Entry read(const std::string& name) const {
    if (!json_.is_object())
      invalid(what_, "its entry " + shown(json_) + " must be an object with dtype, shape and data_offsets", written_by);
    for (const auto& [key, value] : json_.items())
      if (key != "dtype" && key != "shape" && key != "data_offsets")
        invalid(what_, "its entry has an unknown key " + shown(key), written_by);
    Entry entry{{name, dtype(), {}, {}}, 0, 0};
    for (const std::uint64_t extent : integers("shape"))
      entry.tensor.shape.push_back(static_cast<std::int64_t>(extent));
    const std::vector<std::uint64_t> offsets = integers("data_offsets");
    if (offsets.size() != 2 || offsets[0] > offsets[1])
      invalid(what_, "data_offsets " + shown(json_["data_offsets"]) + " must be [begin, end]", written_by);
    entry.begin = offsets[0], entry.end = offsets[1];
    if (bytesOf(entry.tensor.shape, safetensorsElementBytes(entry.tensor.dtype)) != entry.end - entry.begin)
      invalid(what_,
              fmt::format("{} elements of shape {} do not take {} bytes", entry.tensor.dtype, shown(json_["shape"]),
                          entry.end - entry.begin),
              written_by);
    return entry;
  }

private:
  const Json& field(const char* key) const {
    const auto found = json_.find(key);
    if (found == json_.end())
      invalid(what_, std::string("its entry has no ") + key, written_by);
    return *found;
  }

  std::string dtype() const {
    const Json& value = field("dtype");
    if (!value.is_string() || safetensorsElementBytes(value.get_ref<const std::string&>()) == 0)
      invalid(what_, "dtype " + shown(value) + " is none of the format's",
              didYouMean(value.is_string() ? value.get<std::string>() : "", dtypeNames()));
    return value.get<std::string>();
  }

  std::vector<std::uint64_t> integers(const char* key) const {
    const Json& list = field(key);
    constexpr std::uint64_t largest = std::uint64_t{1} << 62;
    const auto fits = [](const Json& v) { return v.is_number_unsigned() && v.get<std::uint64_t>() <= largest; };
    if (!list.is_array() || list.size() > 32 || !std::ranges::all_of(list, fits))
      invalid(what_, fmt::format("{} {} must be a list of integers from 0 on", key, shown(list)), written_by);
    return list.get<std::vector<std::uint64_t>>();
  }

  const Json& json_;
  std::string what_;
};

void checkMetadata(const Json& metadata, const std::string& what) {
  if (!metadata.is_object() || !std::ranges::all_of(metadata, [](const Json& v) { return v.is_string(); }))
    invalid(what + ", __metadata__", "it must map strings to strings", written_by);
}

} // namespace

int safetensorsElementBytes(std::string_view dtype) {
  const auto found = std::ranges::find(dtypes, dtype, &std::pair<std::string_view, int>::first);
  return found == std::end(dtypes) ? 0 : found->second;
}

SafetensorsFile SafetensorsFile::read(const std::filesystem::path& path) {
  return parse(readWhole(path), "file '" + path.string() + "'");
}

SafetensorsFile SafetensorsFile::parse(std::vector<std::byte> file, const std::string& what) {
  SafetensorsFile result(std::move(file), what);
  result.parseHeader();
  return result;
}

void SafetensorsFile::parseHeader() {
  std::uint64_t header_bytes = 0;
  if (file_.size() < prefix_bytes)
    invalid(what_, fmt::format("{} bytes are too few for a safetensors file", file_.size()), written_by);
  std::memcpy(&header_bytes, file_.data(), prefix_bytes);
  if (header_bytes > largest_header)
    invalid(what_, fmt::format("its header would have {} bytes, the limit is {}", header_bytes, largest_header),
            "check that it is a safetensors file");
  if (header_bytes > file_.size() - prefix_bytes)
    invalid(what_,
            fmt::format("it is truncated: {} bytes of header announced, {} there", header_bytes,
                        file_.size() - prefix_bytes),
            "copy it again");

  const auto* text = reinterpret_cast<const char*>(file_.data() + prefix_bytes);
  const Json header = strictJson({text, header_bytes}, what_ + ", header");
  const auto data = std::span<const std::byte>(file_).subspan(prefix_bytes + header_bytes);

  std::vector<Entry> entries;
  for (const auto& [name, json] : header.items())
    if (name == "__metadata__")
      checkMetadata(json, what_);
    else
      entries.push_back(EntryReader(json, what_ + ", tensor " + shown(name)).read(name));
  std::ranges::sort(
      entries, [](const Entry& a, const Entry& b) { return std::pair(a.begin, a.end) < std::pair(b.begin, b.end); });

  std::uint64_t covered = 0;
  for (Entry& entry : entries) {
    const std::string tensor = what_ + ", tensor " + shown(entry.tensor.name);
    if (entry.begin != covered)
      invalid(tensor,
              fmt::format("its data begins at {}, {} {}", entry.begin,
                          entry.begin < covered ? "inside the tensor before, which ends at" : "after a gap from",
                          covered),
              written_by);
    if (entry.end > data.size())
      invalid(tensor, fmt::format("it is truncated: its data ends at {}, the file's at {}", entry.end, data.size()),
              "copy the file again");
    covered = entry.end;
    entry.tensor.bytes = data.subspan(entry.begin, entry.end - entry.begin);
    tensors_.push_back(std::move(entry.tensor));
  }
  if (covered != data.size())
    invalid(what_, fmt::format("{} bytes follow the last tensor", data.size() - covered), written_by);
}

const StoredTensor* SafetensorsFile::find(std::string_view name) const {
  const auto found = std::ranges::find(tensors_, name, &StoredTensor::name);
  return found == tensors_.end() ? nullptr : &*found;
}

const StoredTensor& SafetensorsFile::at(std::string_view name) const {
  if (const StoredTensor* found = find(name))
    return *found;
  std::vector<std::string> names;
  names.reserve(tensors_.size());
  for (const StoredTensor& tensor : tensors_)
    names.push_back(tensor.name);
  const std::string near = nearest(name, names);
  invalid(what_, "it has no tensor '" + std::string(name) + "'", near.empty() ? "add it" : "rename '" + near + "'");
}

void writeSafetensors(const std::filesystem::path& path, std::span<const StoredTensor> tensors) {
  std::set<std::string_view> names;
  for (const StoredTensor& tensor : tensors) {
    const int element_bytes = safetensorsElementBytes(tensor.dtype);
    if (element_bytes == 0 || bytesOf(tensor.shape, element_bytes) != tensor.bytes.size())
      invalid("tensor '" + tensor.name + "'",
              fmt::format("{} bytes do not match dtype {} and its shape", tensor.bytes.size(), tensor.dtype),
              "give as many bytes as the shape has elements times their size");
    if (tensor.name == "__metadata__" || !names.insert(tensor.name).second)
      invalid("tensor '" + tensor.name + "'", "the name is taken", "rename it");
    if (!isUtf8(tensor.name))
      invalid("tensor '" + tensor.name + "'", "its name is not UTF-8", "rename it");
  }
  std::vector<const StoredTensor*> order;
  for (const int width :
       {8, 4, 2, 1}) // widest elements first, as the format's library does: then each tensor is aligned without gaps
    for (const StoredTensor& tensor : tensors)
      if (safetensorsElementBytes(tensor.dtype) == width)
        order.push_back(&tensor);

  nlohmann::ordered_json header = nlohmann::ordered_json::object();
  std::uint64_t at = 0;
  for (const StoredTensor* tensor : order) {
    header[tensor->name] = {
        {"dtype", tensor->dtype}, {"shape", tensor->shape}, {"data_offsets", {at, at + tensor->bytes.size()}}};
    at += tensor->bytes.size();
  }
  std::string text = header.dump();
  text.resize((text.size() + 7) / 8 * 8, ' ');
  const std::uint64_t header_bytes = text.size();

  std::vector<std::span<const std::byte>> parts = {std::as_bytes(std::span(&header_bytes, 1)),
                                                   std::as_bytes(std::span(text))};
  for (const StoredTensor* tensor : order)
    parts.push_back(tensor->bytes);
  writeWhole(path, parts);
}

} // namespace attune
