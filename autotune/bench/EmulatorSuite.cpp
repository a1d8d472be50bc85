#include "autotune/bench/Suites.h"

#include "runtime/emulator/EmulatedDevice.h"

namespace attune::bench {

namespace {

/// A turn's counters as rates.
void addRates(const Settings& settings, const AddFigure& add, const std::string& name, Device& device,
              const std::function<void()>& work) {
  if (!settings.wants(name) || settings.stop())
    return;
  settings.progress(name);
  const Measurement time = onHost(settings.samples, work);
  const Counters counters = device.counters(); // of the last launch: all are alike
  add({"emulator", name + ", warp instructions", "M/s",
       rate(time, static_cast<double>(counters.at("instructions")) * 1e-3)});
  if (const auto flops = counters.at("tensor_flops"); flops > 0)
    add({"emulator", name + ", tensor work", "GFLOP/s", rate(time, static_cast<double>(flops) * 1e-6)});
}

/// 2000 turns of a body by eight warps.
struct Loop {
  const char *name, *body;
};
constexpr Loop loops[] = {
    {"integers", "add.s32 %r4, %r1, %r0; shl.b32 %r5, %r4, 3; xor.b32 %r6, %r5, %r1; mad.lo.s32 %r7, "
                 "%r6, %r3, %r4; and.b32 %r8, %r7, 255; max.s32 %r2, %r8, %r2;"},
    {"floats", "fma.rn.f32 %f4, %f1, %f2, %f3; mul.f32 %f5, %f4, %f2; add.f32 %f6, %f5, %f1; max.f32 "
               "%f1, %f6, %f3; ex2.approx.ftz.f32 %f7, %f5; sub.f32 %f1, %f1, %f7;"},
    {"shared memory", "st.shared.v4.b32 [%r20], {%r1, %r1, %r1, %r1}; ld.shared.v4.b32 {%r4, %r5, %r6, %r7}, "
                      "[%r20]; ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%r8, %r9, %r10, %r11}, [%r20];"},
    {"mma", "mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {%f8, %f9, %f10, %f11}, {%r2, "
            "%r2, %r2, %r2}, {%r2, %r2}, {%f8, %f9, %f10, %f11};"},
};

std::string program(const char* body) {
  return std::string(".version 8.0\n.target sm_80\n.address_size 64\n.visible .entry k()\n{\n.reg .b32 %r<40>; "
                     ".reg .f32 %f<40>; .reg .pred %p; .shared .align 16 .b8 tile[16384];\nmov.u32 %r0, 0; mov.u32 "
                     "%r1, %tid.x; mov.u32 %r2, 1; mov.u32 %r3, 3; mov.f32 %f1, 0f3F800000; mov.f32 %f2, "
                     "0f3F000000; mov.f32 %f3, 0f3E800000; mov.u32 %r20, tile; shl.b32 %r21, %r1, 4; add.s32 %r20, "
                     "%r20, %r21;\nLOOP:\n") +
         body + "\nadd.s32 %r0, %r0, 1; setp.lt.s32 %p, %r0, 2000; @%p bra LOOP;\nret;\n}\n";
}

/// Causal prefill of Qwen2.5-7B's attention, as Attune compiles it; copies, softmax and stores included.
void attention(const Settings& settings, const AddFigure& add) {
  const std::int64_t length = 256;
  const std::shared_ptr<Device> device = emulator::makeEmulatedDevice({.threads = 1});
  Engine engine(device);
  const auto tensor = [&](std::int64_t heads, const char* name) {
    const std::vector<std::uint16_t> ones(static_cast<std::size_t>(length * heads * 128), 0x3f80);
    return Buffer(device, Element::BF16, {1, length, heads, 128}, std::as_bytes(std::span(ones)), name);
  };
  const Buffer q = tensor(28, "q"), k = tensor(4, "k"), v = tensor(4, "v"), o = tensor(28, "o");
  const Buffer lse(device, Element::F32, {1, 28, length}, "lse");
  // one kernel: of a split one the device would count the combine kernel alone, while the time is of both
  const Plan plan =
      engine.prepare(preset("qwen2.5-7b"), {.batch = 1, .q_len = length, .kv_len = length}, {.splits = 1});
  addRates(settings, add, "attention", *device,
           [&] { engine.launch(plan, {.q = q, .k = k, .v = v, .o = o, .lse = lse}); });
}

} // namespace

void emulatorSuite(const Settings& settings, const AddFigure& add) {
  for (const Loop& loop : loops) {
    const auto device = emulator::makeEmulatedDevice({.threads = 1});
    const auto kernel = device->load({Image::Kind::Ptx, program(loop.body)}, "k");
    addRates(settings, add, loop.name, *device, [&] { device->launch(*kernel, {{1}, {256}, 0}, {}); });
  }
  if (settings.wants("attention"))
    attention(settings, add);
}

} // namespace attune::bench
