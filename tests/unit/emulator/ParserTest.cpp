// PTX text: what is read, what is refused and how, and that no text at all brings the loader down.

#include "runtime/emulator/ptx/Ast.h"
#include "tests/unit/emulator/Harness.h"

#include <random>

namespace attune::emulator {
namespace {

using testing::AllOf;
using testing::HasSubstr;

std::string loadError(const std::string& text, const std::string& kernel = "k") {
  return Harness::errorOf([&] { makeEmulatedDevice()->load({Image::Kind::Ptx, text}, kernel); });
}

TEST(Parser, ReadsFunctionsVariablesAndScopes) {
  const ptx::Module module = ptx::parse(fixture("classics.ptx"));
  EXPECT_EQ(module.target, 80u);
  EXPECT_TRUE(module.functions.at("vectorAdd").entry);
  ASSERT_EQ(module.functions.at("vectorAdd").parameters.size(), 4u);
  EXPECT_EQ(module.functions.at("vectorAdd").parameters[3].bytes, 4u);
  bool found = false;
  for (const ptx::Variable& variable : module.variables)
    if (variable.name == "table") {
      found = true;
      EXPECT_EQ(variable.space, ptx::Space::Const);
      EXPECT_EQ(variable.initial.size(), 16u);
    }
  EXPECT_TRUE(found);
}

TEST(Parser, ReadsLiterals) {
  const ptx::Module module = ptx::parse(".target sm_80\n.entry k() { .reg .b32 %r; mov.b32 %r, 0x1F; mov.b32 %r, 017; "
                                        "mov.b32 %r, 0b101; mov.b32 %r, -3; mov.b32 %r, 0f3F800000; mov.b32 %r, 0U; }");
  const auto& body = module.functions.at("k").body;
  EXPECT_EQ(body[0].operands[1].value, 31);
  EXPECT_EQ(body[1].operands[1].value, 15);
  EXPECT_EQ(body[2].operands[1].value, 5);
  EXPECT_EQ(body[3].operands[1].value, -3);
  EXPECT_EQ(body[4].operands[1].kind, ptx::Operand::Kind::Float);
  EXPECT_EQ(body[5].operands[1].value, 0);
}

TEST(Parser, ErrorsNameTheLine) {
  EXPECT_THAT(loadError(".version 8.0\n.target sm_80\n.entry k()\n{\n  mov.u32 %r1, 5\n}\n"),
              AllOf(HasSubstr("PTX line 6"), HasSubstr("expected ','")));
  EXPECT_THAT(loadError(".target sm_80\n.entry k()\n{\n ret;\n"), HasSubstr("missing '}'"));
  EXPECT_THAT(loadError("hello"), HasSubstr("PTX line 1"));
  EXPECT_THAT(loadError(""), HasSubstr("is it PTX?"));
}

TEST(Loader, UnknownInstructionsAreNamedWithTheirLine) {
  EXPECT_THAT(loadError(kernelText("", ".reg .b32 %r;\ntex.2d.v4.f32.f32 {%r,%r,%r,%r}, [t, {%r, %r}];")),
              HasSubstr("PTX line 7"));
  EXPECT_THAT(loadError(kernelText("", "tcgen05.fence;")),
              AllOf(HasSubstr("'tcgen05' is not supported"), HasSubstr("PTX line 6")));
  EXPECT_THAT(loadError(kernelText("", ".reg .b32 %r<2>; add.weird.s32 %r0, %r0, %r1;")),
              HasSubstr("'add.weird.s32' is not supported with '.weird'"));
  EXPECT_THAT(loadError(kernelText("", ".reg .b32 %r<2>; add.s32 %r0, %r0, %r7;")),
              HasSubstr("special register '%r7'"));
  EXPECT_THAT(loadError(kernelText("", ".reg .b64 %p; .reg .b32 %r; add.s32 %r, %r, %p;")),
              HasSubstr("register '%p' of 64 bits"));
  EXPECT_THAT(loadError(kernelText("", "bra NOWHERE;")), HasSubstr("no label 'NOWHERE'"));
  EXPECT_THAT(loadError(kernelText("", ""), "other"), HasSubstr("kernel 'other' is not in this module; it has: k"));
}

TEST(Loader, RefusesNewerTargetsAndCubins) {
  std::string text = kernelText("", "");
  text.replace(text.find("sm_80"), 5, "sm_90");
  EXPECT_THAT(loadError(text), HasSubstr("is PTX for sm_90; this device stands in for sm_80"));
  EXPECT_THAT(Harness::errorOf([&] { makeEmulatedDevice()->load({Image::Kind::Cubin, "x"}, "k"); }),
              HasSubstr("not cubins"));
  EXPECT_THROW(makeEmulatedDevice({.target = "sm_12"}), UserError); // a name that somebody gave
}

/// Mutations of a real file: each loads or is refused with a DeviceError, whatever happens.
TEST(Loader, SurvivesMalformedText) {
  const std::string whole = fixture("classics.ptx");
  const char* kernels[] = {"vectorAdd", "pipelineSum", "callsAndTables", "blockSum", "halves"};
  std::mt19937 random(11);
  unsigned refused = 0;
  for (int round = 0; round < 400; ++round) {
    std::string text = whole;
    for (auto edits = 1 + random() % 3; edits > 0; --edits) {
      const std::size_t at = random() % text.size();
      switch (random() % 5) {
      case 0:
        text.erase(at, random() % 40);
        break;
      case 1:
        text[at] = static_cast<char>(random() % 128);
        break;
      case 2:
        text.insert(at, text.substr(random() % text.size(), random() % 30));
        break;
      case 3:
        text.resize(at + 1);
        break;
      default:
        text.insert(at, std::to_string(random()));
        break;
      }
    }
    try {
      makeEmulatedDevice()->load({Image::Kind::Ptx, text}, kernels[round % 5]);
    } catch (const DeviceError&) {
      ++refused;
    }
  }
  EXPECT_GT(refused, 100u);
}

} // namespace
} // namespace attune::emulator
