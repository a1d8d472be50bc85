#include "runtime/engine/KernelStore.h"

#include "attune/compiler/Error.h"
#include "runtime/cache/Paths.h"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace attune {

using nlohmann::json;

namespace {

std::string_view nameOf(Image::Kind kind) { return kind == Image::Kind::Ptx ? "ptx" : "cubin"; }

} // namespace

cache::StoreOptions kernelStore(const std::filesystem::path& folder) {
  return {.kind = "kernels", .schema = 1, .user = folder, .system = cache::systemCacheFolders()};
}

cache::Key keyOf(std::string_view cuda, std::string_view name, std::string_view arch, Image::Kind kind,
                 std::string compiler) {
  std::string text;
  for (const std::string_view line : {name, arch, nameOf(kind), std::string_view(Toolchain::recipe())})
    text.append(line).append("\n");
  return {text.append(cuda), std::move(compiler)};
}

StoredBuild buildThrough(cache::EntryStore& store, std::string_view cuda, std::string_view name, std::string_view arch,
                         Image::Kind kind, bool cache_only) {
  std::shared_ptr<const Toolchain> toolchain;
  std::string why_no_toolchain;
  try {
    toolchain = Toolchain::shared();
  } catch (const DeviceError& error) {
    why_no_toolchain = error.what();
  }
  cache::Key key = keyOf(cuda, name, arch, kind, toolchain ? toolchain->compiler() : "");
  std::optional<Build> built;
  std::optional<std::string> payload;
  if (toolchain && !cache_only) {
    payload = store.getOrMake(key, [&] {
      built = toolchain->build(cuda, arch, kind, name);
      return toPayload({std::string(name), std::string(arch), *built});
    });
  } else {
    std::string variant;
    payload = store.getAny(key, variant);
    key.variant = variant;
  }
  if (built)
    return {std::move(*built), std::move(key), true};
  if (payload)
    if (auto entry = fromPayload(*payload))
      return {std::move(entry->build), std::move(key), false};
  if (toolchain && !cache_only) { // whole, but of another format: a miss like any other
    Build fresh = toolchain->build(cuda, arch, kind, name);
    store.put(key, toPayload({std::string(name), std::string(arch), fresh}));
    return {std::move(fresh), std::move(key), true};
  }
  if (cache_only)
    throw CacheMiss(
        fmt::format("kernel {} for {} is in no cache ({}), and it is not to be compiled: fill the cache with "
                    "`attune precompute`, or import a bundle",
                    name, arch, store.folder().empty() ? "it has no folder" : store.folder().string()));
  throw DeviceError(why_no_toolchain);
}

std::string toPayload(const KernelEntry& e) {
  json head = {{"name", e.name},
               {"arch", e.arch},
               {"image", nameOf(e.build.image.kind)},
               {"nvrtc_ms", e.build.log.milliseconds},
               {"warnings", e.build.log.warnings},
               {"log", e.build.log.text}};
  if (const auto& r = e.build.log.resources)
    head["resources"] = {{"registers", r->registers},
                         {"spill_bytes", r->spill_bytes},
                         {"local_bytes", r->local_bytes},
                         {"shared_bytes", r->shared_bytes}};
  return head.dump(-1, ' ', false, json::error_handler_t::replace) + "\n" + e.build.image.bytes;
}

std::optional<KernelEntry> fromPayload(std::string_view payload) {
  const std::size_t line = payload.find('\n');
  const json head = json::parse(payload.substr(0, line), nullptr, false);
  if (line == std::string_view::npos || !head.is_object())
    return std::nullopt;
  try {
    KernelEntry e{.name = head.at("name"), .arch = head.at("arch")};
    e.build.image = {head.at("image") == "ptx" ? Image::Kind::Ptx : Image::Kind::Cubin,
                     std::string(payload.substr(line + 1))};
    e.build.log.milliseconds = head.at("nvrtc_ms");
    e.build.log.warnings = head.at("warnings").get<std::vector<std::string>>();
    e.build.log.text = head.at("log");
    if (const auto r = head.find("resources"); r != head.end())
      e.build.log.resources = {.registers = r->at("registers"),
                               .spill_bytes = r->at("spill_bytes"),
                               .local_bytes = r->at("local_bytes"),
                               .shared_bytes = r->at("shared_bytes")};
    return e;
  } catch (const json::exception&) {
    return std::nullopt;
  }
}

} // namespace attune
