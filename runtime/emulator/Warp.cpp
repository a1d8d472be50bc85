#include "runtime/emulator/Warp.h"

#include "attune/compiler/Error.h"

#include <algorithm>

namespace attune::emulator {

namespace {

std::uint64_t special(const std::string& name, const BlockState& s, int warp, int lane) {
  const unsigned thread = static_cast<unsigned>(warp * 32 + lane);
  if (name == "%tid.x") return thread % s.block.x;
  if (name == "%tid.y") return thread / s.block.x % s.block.y;
  if (name == "%tid.z") return thread / s.block.x / s.block.y;
  if (name == "%ntid.x") return s.block.x;
  if (name == "%ntid.y") return s.block.y;
  if (name == "%ntid.z") return s.block.z;
  if (name == "%ctaid.x") return s.index.x;
  if (name == "%ctaid.y") return s.index.y;
  if (name == "%ctaid.z") return s.index.z;
  if (name == "%nctaid.x") return s.grid.x;
  if (name == "%nctaid.y") return s.grid.y;
  if (name == "%nctaid.z") return s.grid.z;
  if (name == "%laneid") return static_cast<unsigned>(lane);
  if (name == "%warpid") return static_cast<unsigned>(warp);
  if (name == "%nwarpid") return (s.block.x * s.block.y * s.block.z + 31) / 32;
  if (name == "%smid" || name == "%gridid" || name == "%ctarank") return 0;
  if (name == "%nsmid") return 1;
  if (name == "%lanemask_eq") return 1u << lane;
  if (name == "%lanemask_lt") return (1u << lane) - 1;
  if (name == "%lanemask_le") return (2u << lane) - 1;
  if (name == "%lanemask_gt") return ~((2u << lane) - 1);
  if (name == "%lanemask_ge") return ~((1u << lane) - 1);
  if (name == "%clock" || name == "%clock64" || name == "%globaltimer" || name == "%clock_hi") return 0;
  if (name == "%dynamic_smem_size" || name == "%total_smem_size") return s.shared.size();
  throw DeviceError("kernel " + s.program.name + ": special register " + name + " is not known to the emulated device");
}

} // namespace

Warp::Warp(BlockState& state, int warp_index) : block(state), index(warp_index) {
  const Program& program = block.program;
  registers_.lines.resize((program.register_bytes + 63) / 64 + 1);
  std::memset(registers_.data(), 0xff, program.register_bytes);
  predicates_.resize(program.predicates + 1, all_lanes);
  const auto fill = [&](std::uint32_t offset, bool wide, auto&& value) {
    for (int l = 0; l < 32; ++l)
      if (wide)
        lane<std::uint64_t>(offset)[l] = value(l);
      else
        lane<std::uint32_t>(offset)[l] = static_cast<std::uint32_t>(value(l));
  };
  for (const auto& c : program.constants)
    fill(c.offset, c.wide, [&](int) { return c.bits; });
  for (const auto& s : program.specials)
    fill(s.offset, s.wide, [&](int l) { return special(s.name, block, index, l); });
  const int threads = static_cast<int>(block.block.x * block.block.y * block.block.z);
  const int mine = std::min(32, threads - index * 32);
  alive = mine == 32 ? all_lanes : (1u << mine) - 1;
  fragments.push_back({0, alive});
  local_.resize(program.local_bytes * 32, std::byte{0xff});
}

void Warp::trap(const std::string& what, int at_lane) const {
  const Program& p = block.program;
  const std::size_t pc = current ? static_cast<std::size_t>(current - p.ops.data()) : 0;
  std::string text = "kernel " + p.name + ", PTX line " + std::to_string(p.ops[pc].line) + " '" + p.text[pc] + "', block (" +
                     std::to_string(block.index.x) + ", " + std::to_string(block.index.y) + ", " + std::to_string(block.index.z) + "), warp " +
                     std::to_string(index);
  if (at_lane >= 0)
    text += ", lane " + std::to_string(at_lane);
  throw DeviceError(text + ": " + what);
}

std::byte* Warp::global(std::uint64_t address, std::size_t bytes, int l, bool write) {
  if (address % bytes != 0)
    trap("misaligned " + std::to_string(bytes) + "-byte access to global memory, " + block.memory.describe(address), l);
  if (!last_ || address < last_->address || address - last_->address > last_->bytes || bytes > last_->bytes - (address - last_->address)) {
    last_ = block.memory.find(address, bytes);
    if (!last_)
      trap(std::string(write ? "write to" : "read of") + " " + std::to_string(bytes) + " bytes outside every buffer: " + block.memory.describe(address), l);
  }
  return last_->data.get() + (address - last_->address);
}

std::byte* Warp::sharedAt(std::uint64_t offset, std::size_t bytes, int l) {
  if (offset % bytes != 0)
    trap("misaligned " + std::to_string(bytes) + "-byte access to shared memory at " + std::to_string(offset), l);
  if (offset > block.shared.size() || bytes > block.shared.size() - offset)
    trap("access to shared memory at " + std::to_string(offset) + ", beyond the block's " + std::to_string(block.shared.size()) + " bytes", l);
  return block.shared.data() + offset;
}

std::byte* Warp::localAt(std::uint64_t offset, std::size_t bytes, int l) {
  const std::size_t size = block.program.local_bytes;
  if (offset % bytes != 0 || offset > size || bytes > size - offset)
    trap("misaligned access, or one beyond the thread's " + std::to_string(size) + " bytes, of local memory at " + std::to_string(offset), l);
  return local_.data() + static_cast<std::size_t>(l) * size + offset;
}

std::byte* Warp::generic(std::uint64_t address, std::size_t bytes, int l, bool write) {
  if (address >= global_window)
    return global(address, bytes, l, write);
  if (address >= local_window)
    return localAt(address - local_window, bytes, l);
  if (address >= shared_window)
    return sharedAt(address - shared_window, bytes, l);
  trap((write ? "write to" : "read of") + std::string(" address ") + std::to_string(address) + ", which is in no memory", l);
}

/// Shared memory has 32 banks of 4 bytes. An access of 4 bytes or less per lane takes one wavefront if no bank holds two
/// different words; 8- and 16-byte accesses go by half and quarter warps (CUDA C++ Programming Guide, "Shared Memory").
void Warp::countShared(const std::uint64_t (&offsets)[32], int bytes) {
  const int lanes_at_once = bytes <= 4 ? 32 : 128 / bytes;
  Traffic& t = block.traffic;
  for (int begin = 0; begin < 32; begin += lanes_at_once) {
    std::uint32_t words[32][32]; // of each bank, the different words asked for
    int used[32] = {}, deepest = 0;
    for (int l = begin; l < begin + lanes_at_once; ++l) {
      if (!(mask >> l & 1))
        continue;
      for (int w = 0; w < std::max(1, bytes / 4); ++w) {
        const auto word = static_cast<std::uint32_t>(offsets[l] / 4) + static_cast<std::uint32_t>(w);
        const int bank = static_cast<int>(word % 32);
        if (std::find(words[bank], words[bank] + used[bank], word) == words[bank] + used[bank]) {
          words[bank][used[bank]] = word;
          deepest = std::max(deepest, ++used[bank]);
        }
      }
    }
    if (deepest == 0)
      continue;
    const std::uint64_t deep = static_cast<std::uint64_t>(deepest);
    switch (current->kind) {
    case Class::LoadMatrix: t.matrix_wavefronts += deep, ++t.matrix_wavefronts_minimum; break;
    case Class::CopyAsync: t.copy_wavefronts += deep, ++t.copy_wavefronts_minimum; break;
    default: t.wavefronts += deep, ++t.wavefronts_minimum;
    }
  }
}

void Warp::issue(PendingCopy copy) {
  for (int l = 0; l < 32; ++l)
    if (copy.lanes >> l & 1) {
      copy.group[l] = committed_[l];
      std::memset(sharedAt(copy.destination[l], copy.bytes, l), 0xff, copy.bytes);
      if (copy.read_of[l] > 0)
        global(copy.source[l], copy.bytes, l, false); // checks, and names the instruction
    }
  pending_.push_back(copy);
}

void Warp::commit() {
  for (int l = 0; l < 32; ++l)
    committed_[l] += mask >> l & 1;
}

void Warp::wait(std::uint32_t keep, bool all) {
  for (PendingCopy& copy : pending_) {
    std::uint32_t now = 0;
    for (int l = 0; l < 32; ++l)
      if ((copy.lanes & mask) >> l & 1)
        now |= static_cast<std::uint32_t>(all || copy.group[l] + keep < committed_[l] ||
                                          (block.options.random_landing && block.random() % 4 == 0))
               << l;
    land(copy, now);
    copy.lanes &= ~now;
  }
  std::erase_if(pending_, [](const PendingCopy& c) { return c.lanes == 0; });
}

void Warp::land(const PendingCopy& copy, std::uint32_t which) {
  for (int l = 0; l < 32; ++l)
    if (which >> l & 1) {
      std::byte* to = sharedAt(copy.destination[l], copy.bytes, l);
      const std::uint32_t read = copy.read_of[l];
      if (read > 0)
        std::memcpy(to, global(copy.source[l], copy.bytes, l, false), read);
      std::memset(to + read, 0, copy.bytes - read);
    }
}

} // namespace attune::emulator
