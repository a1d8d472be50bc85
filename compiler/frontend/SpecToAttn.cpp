#include "compiler/frontend/SpecToAttn.h"

#include "compiler/spec/MaskText.h"

using namespace mlir;

namespace attune {

namespace {

/// Sets over (q, k)[sq, sk].
class MaskBuilder {
public:
  explicit MaskBuilder(MLIRContext* context)
      : context_(context), q_(getAffineDimExpr(0, context)), k_(getAffineDimExpr(1, context)),
        sq_(getAffineSymbolExpr(0, context)), sk_(getAffineSymbolExpr(1, context)) {}

  ArrayAttr build(const AttentionSpec& spec, ArrayRef<MaskConjunction> custom) {
    SmallVector<Attribute> sets;
    for (const MaskConjunction& conjunction : custom) {
      begin();
      for (const MaskConstraint& c : conjunction)
        add(expression(c.difference), c.equality);
      sets.push_back(end());
    }
    if (custom.empty()) {
      begin();
      structured(spec);
      sets.push_back(end());
    }
    if (spec.prefix) {
      begin();
      add(*spec.prefix - 1 - k_);
      sets.push_back(end());
    }
    return ArrayAttr::get(context_, sets);
  }

private:
  void structured(const AttentionSpec& spec) {
    const AffineExpr position = spec.causal == Causal::TopLeft ? q_ : q_ + sk_ - sq_;
    if (spec.causal != Causal::None)
      add(position - k_);
    if (spec.window.right && (spec.causal == Causal::None || *spec.window.right < 0)) // causal is right = 0
      add(position + *spec.window.right - k_);
    if (spec.window.left)
      add(k_ - position + *spec.window.left);
    if (spec.chunk) {
      const AffineExpr first = position.floorDiv(*spec.chunk) * *spec.chunk; // of the position's chunk
      add(k_ - first);
      if (spec.causal == Causal::None)
        add(first + (*spec.chunk - 1) - k_);
    }
  }

  AffineExpr expression(const MaskExpr& e) {
    switch (e.kind) {
    case MaskExpr::Kind::Query:
      return q_;
    case MaskExpr::Kind::Key:
      return k_;
    case MaskExpr::Kind::QueryLength:
      return sq_;
    case MaskExpr::Kind::KeyLength:
      return sk_;
    case MaskExpr::Kind::Constant:
      return getAffineConstantExpr(e.value, context_);
    case MaskExpr::Kind::Add:
      return expression(e.parts[0]) + expression(e.parts[1]);
    case MaskExpr::Kind::Mul:
      return expression(e.parts[0]) * e.value;
    case MaskExpr::Kind::FloorDiv:
      return expression(e.parts[0]).floorDiv(e.value);
    case MaskExpr::Kind::Mod:
      return expression(e.parts[0]) % e.value;
    }
    return {};
  }

  void begin() { exprs_.clear(), equalities_.clear(); }
  void add(AffineExpr expr, bool equality = false) {
    exprs_.push_back(expr);
    equalities_.push_back(equality);
  }
  Attribute end() {
    if (exprs_.empty()) // sees all
      add(getAffineConstantExpr(0, context_));
    return IntegerSetAttr::get(IntegerSet::get(2, 2, exprs_, equalities_));
  }

  MLIRContext* context_;
  AffineExpr q_, k_, sq_, sk_;
  SmallVector<AffineExpr> exprs_;
  SmallVector<bool> equalities_;
};

} // namespace

attn::ForwardOp buildForward(OpBuilder& builder, Location loc, const AttentionSpec& spec, const Schedule& schedule) {
  SmallVector<MaskConjunction> custom;
  for (const std::string& text : spec.mask)
    custom.push_back(parseMask(text));
  MLIRContext* context = builder.getContext();
  const Type dtype = spec.dtype == DType::E4M3   ? Type(Float8E4M3FNType::get(context))
                     : spec.dtype == DType::BF16 ? Type(builder.getBF16Type())
                                                 : Type(builder.getF16Type());
  const auto alibi = static_cast<attn::AlibiKind>(spec.alibi);
  const FloatAttr softcap = spec.softcap != 0 ? builder.getF64FloatAttr(spec.softcap) : FloatAttr();
  auto attr = attn::SpecAttr::get(context, dtype, spec.q_heads, spec.kv_heads, spec.head_dim,
                                  spec.head_dim_v ? spec.head_dim_v : spec.head_dim, spec.causal == Causal::TopLeft,
                                  spec.varlen, spec.lse, spec.sink, alibi, softcap);
  auto plan = attn::ScheduleAttr::get(context, schedule.q_tile, schedule.kv_tile, schedule.warps, schedule.stages,
                                      schedule.pack_gqa, schedule.split_kv, schedule.warp_specialized, schedule.overlap,
                                      schedule.ping_pong, schedule.persistent, schedule.cluster);
  return attn::ForwardOp::create(builder, loc, builder.getStringAttr("attention_forward"), attr,
                                 MaskBuilder(context).build(spec, custom), plan);
}

} // namespace attune
