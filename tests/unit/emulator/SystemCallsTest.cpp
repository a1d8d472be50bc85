// What the driver gives to kernels: printf and assert.

#include "tests/unit/emulator/Harness.h"

namespace attune::emulator {
namespace {

using testing::HasSubstr;

/// A global text of the module, with its end.
std::string text(const std::string& name, const std::string& value) {
  std::string bytes;
  for (const char c : value)
    bytes += std::to_string(static_cast<int>(c)) + ", ";
  return ".global .align 1 .b8 " + name + "[" + std::to_string(value.size() + 1) + "] = {" + bytes + "0};\n";
}

std::string module(const std::string& declarations, const std::string& body) {
  return ".version 8.0\n.target sm_80\n.address_size 64\n" + declarations + ".visible .entry k()\n{\n" + body +
         "\nret;\n}\n";
}

const std::string print_declaration =
    ".extern .func (.param .b32 result) vprintf(.param .b64 format, .param .b64 arguments);\n";

/// Calls vprintf on the text `format` with arguments that `stores` writes behind %SPL.
std::string printing(const std::string& format, const std::string& more_texts, const std::string& stores) {
  return module(
      print_declaration + text("format", format) + more_texts,
      ".local .align 8 .b8 frame[64]; .reg .b64 %SP, %SPL, %rd<4>; .reg .b32 %r<4>; .reg .f64 %d<2>;\n"
      "mov.u64 %SPL, frame; cvta.local.u64 %SP, %SPL; mov.u32 %r0, %tid.x;\n" +
          stores +
          "\nmov.u64 %rd0, format; cvta.global.u64 %rd1, %rd0;\n{ .param .b64 p0; st.param.b64 [p0], %rd1; .param .b64 "
          "p1; st.param.b64 [p1], %SP; .param .b32 q; call.uni (q), vprintf, (p0, p1); ld.param.b32 %r1, [q]; }\n");
}

TEST(SystemCalls, PrintfPrints) {
  Harness harness({.threads = 1});
  const std::string ptx = printing(
      "%d%% of %s: %-6.2f|%lld|%c|%5x\n", text("word", "lanes"),
      "st.local.u32 [%SPL], %r0; mov.u64 %rd2, word; cvta.global.u64 %rd3, %rd2; st.local.u64 [%SPL+8], %rd3; mov.f64 "
      "%d0, 0d3FF8000000000000; st.local.f64 [%SPL+16], %d0; st.local.u64 [%SPL+24], -5; st.local.u32 [%SPL+32], 65; "
      "st.local.u32 [%SPL+36], 255;");
  testing::internal::CaptureStdout();
  harness.launch(ptx, "k", {1}, {2});
  EXPECT_EQ(testing::internal::GetCapturedStdout(), "0% of lanes: 1.50  |-5|A|   ff\n1% of lanes: 1.50  |-5|A|   ff\n");
}

TEST(SystemCalls, AWrongPrintfIsAnError) {
  Harness harness({.threads = 1});
  const std::string bad_text = printing("%s\n", "", "st.local.u64 [%SPL], 64;");
  EXPECT_THAT(Harness::errorOf([&] { harness.launch(bad_text, "k", {1}, {1}); }), HasSubstr("a text that is not in"));
  std::string many; // more than there is local memory
  for (int i = 0; i < 64; ++i)
    many += "%lld";
  const std::string too_few = printing(many, "", "");
  EXPECT_THAT(Harness::errorOf([&] { harness.launch(too_few, "k", {1}, {1}); }), HasSubstr("fewer arguments"));
}

TEST(SystemCalls, AssertSaysWhatFailedWhere) {
  Harness harness;
  const std::string ptx = module(
      ".extern .func __assertfail(.param .b64 m, .param .b64 f, .param .b32 l, .param .b64 n, .param .b64 s);\n" +
          text("message", "i < n") + text("file", "kernel.cu") + text("function", "void k()"),
      ".reg .b64 %rd<4>; .reg .b32 %r; .reg .pred %p; mov.u32 %r, %tid.x; setp.ne.u32 %p, %r, 5; @%p bra DONE; mov.u64 "
      "%rd0, message; mov.u64 %rd1, file; mov.u64 %rd2, function; { .param .b64 a; st.param.b64 [a], %rd0; .param .b64 "
      "b; st.param.b64 [b], %rd1; .param .b32 c; st.param.b32 [c], 17; .param .b64 d; st.param.b64 [d], %rd2; .param "
      ".b64 e; st.param.b64 [e], 1; call.uni __assertfail, (a, b, c, d, e); } DONE:");
  EXPECT_THAT(Harness::errorOf([&] { harness.launch(ptx, "k", {1}, {32}); }),
              testing::AllOf(HasSubstr("lane 5"), HasSubstr("assertion `i < n' failed in void k(), kernel.cu:17")));
}

TEST(SystemCalls, OtherFunctionsWithoutABodyAreRefusedByName) {
  Harness harness;
  const std::string ptx = module(".extern .func (.param .b64 p) malloc(.param .b64 n);\n",
                                 "{ .param .b64 n; st.param.b64 [n], 8; .param .b64 p; call.uni (p), malloc, (n); }");
  EXPECT_THAT(Harness::errorOf([&] { harness.device->load({Image::Kind::Ptx, ptx}, "k"); }),
              HasSubstr("call of 'malloc', which has no body"));
}

} // namespace
} // namespace attune::emulator
