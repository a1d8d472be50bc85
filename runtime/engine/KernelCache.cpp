#include "runtime/engine/KernelCache.h"

#include "runtime/toolchain/Toolchain.h"

namespace attune {

std::shared_ptr<const CompiledAttention> KernelCache::get(const AttentionSpec& spec, const Schedule& schedule) {
  AttentionSpec content = spec; // what the text does not depend on: scale is an argument, layout is strides
  content.scale.reset();
  content.layout = Layout::Bshd;
  content.deterministic = true;
  content.batch_invariant = false;
  std::shared_ptr<Entry> entry;
  {
    const std::scoped_lock lock(mutex_);
    auto& slot = entries_[specToJson(content) + " " + toText(schedule)];
    if (!slot)
      slot = std::make_shared<Entry>();
    entry = slot;
  }
  const std::scoped_lock lock(entry->mutex);
  if (!entry->value)
    entry->value = build(content, schedule); // if it throws, the next one to ask tries again
  return entry->value;
}

std::shared_ptr<const CompiledAttention> KernelCache::build(const AttentionSpec& spec, const Schedule& schedule) const {
  const DeviceProperties& device = device_->properties();
  const CompileResult text = compile(spec, schedule, target(device.arch));
  const auto toolchain = Toolchain::shared();
  auto result = std::make_shared<CompiledAttention>();
  for (const KernelSource& source : text.kernels) {
    const Build build = toolchain->build(source.cuda, device.arch,
                                         device.emulated ? Image::Kind::Ptx : Image::Kind::Cubin, source.manifest.name);
    result->kernels.push_back(
        {source, device_->load(build.image, source.manifest.name), text.milliseconds, build.log.milliseconds});
  }
  return result;
}

} // namespace attune
