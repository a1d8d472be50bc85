#include "runtime/cache/EntryFile.h"

#include <llvm/Support/BLAKE3.h>

#include <array>
#include <cstdint>
#include <cstring>

namespace attune::cache {

namespace {

constexpr std::string_view magic = "attune-entry-01\n";
constexpr std::size_t digest_bytes = 32;

struct Lengths {
  std::uint64_t key, variant, payload;
};
constexpr std::size_t header_bytes = magic.size() + sizeof(Lengths);

std::array<std::uint8_t, digest_bytes> blake3(std::string_view text) {
  llvm::BLAKE3 hasher;
  hasher.update(llvm::StringRef(text.data(), text.size()));
  return hasher.final<digest_bytes>();
}

} // namespace

std::string encode(const Entry& entry) {
  const Lengths lengths{entry.key.size(), entry.variant.size(), entry.payload.size()};
  std::string bytes;
  bytes.reserve(header_bytes + lengths.key + lengths.variant + lengths.payload + digest_bytes);
  bytes.append(magic);
  bytes.append(reinterpret_cast<const char*>(&lengths), sizeof lengths); // the machines that share a cache are alike
  bytes.append(entry.key).append(entry.variant).append(entry.payload);
  const auto digest = blake3(bytes);
  bytes.append(reinterpret_cast<const char*>(digest.data()), digest.size());
  return bytes;
}

std::optional<Entry> decode(std::string_view bytes, std::string& why) {
  const auto damaged = [&](const char* what) {
    why = what;
    return std::nullopt;
  };
  if (bytes.size() < header_bytes + digest_bytes)
    return damaged("it is truncated");
  if (bytes.substr(0, magic.size()) != magic)
    return damaged("it is no entry of this version");
  Lengths lengths{};
  std::memcpy(&lengths, bytes.data() + magic.size(), sizeof lengths);
  std::uint64_t body = bytes.size() - header_bytes - digest_bytes;
  for (const std::uint64_t length : {lengths.key, lengths.variant, lengths.payload}) { // sums could wrap
    if (length > body)
      return damaged("its lengths do not add up");
    body -= length;
  }
  if (body != 0)
    return damaged("its lengths do not add up");
  const auto digest = blake3(bytes.substr(0, bytes.size() - digest_bytes));
  if (std::memcmp(digest.data(), bytes.data() + bytes.size() - digest_bytes, digest_bytes) != 0)
    return damaged("its checksum is wrong");
  const std::string_view contents = bytes.substr(header_bytes);
  return Entry{std::string(contents.substr(0, lengths.key)), std::string(contents.substr(lengths.key, lengths.variant)),
               std::string(contents.substr(lengths.key + lengths.variant, lengths.payload))};
}

std::string digestOf(std::string_view text) {
  std::string hex;
  for (const std::uint8_t byte : blake3(text)) {
    hex += "0123456789abcdef"[byte >> 4];
    hex += "0123456789abcdef"[byte & 15];
  }
  return hex;
}

} // namespace attune::cache
