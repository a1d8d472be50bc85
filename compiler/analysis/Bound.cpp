#include "compiler/analysis/Bound.h"

#include "compiler/analysis/Classify.h"

using namespace mlir;

namespace attune::analysis {

using Kind = BoundNode::Kind;

Bound Bounds::affine(AffineExpr expr) {
  Bound& bound = affine_[expr];
  if (!bound)
    bound = &nodes_.emplace_back(BoundNode{Kind::Affine, expr});
  return bound;
}

bool Bounds::atMost(Bound a, Bound b) {
  if (a == b)
    return true;
  if (auto known = known_.find({a, b}); known != known_.end())
    return known->second;
  return known_[{a, b}] = prove(a, b);
}

bool Bounds::prove(Bound a, Bound b) {
  if (a->kind == Kind::Greatest)
    return llvm::all_of(a->parts, [&](Bound part) { return atMost(part, b); });
  if (b->kind == Kind::Least)
    return llvm::all_of(b->parts, [&](Bound part) { return atMost(a, part); });
  if (a->kind == Kind::Least && llvm::any_of(a->parts, [&](Bound part) { return atMost(part, b); }))
    return true;
  if (b->kind == Kind::Greatest && llvm::any_of(b->parts, [&](Bound part) { return atMost(a, part); }))
    return true;
  return a->kind == Kind::Affine && b->kind == Kind::Affine && provablyAtMost(a->expr, b->expr);
}

SmallVector<Bounds::Leaf> Bounds::deciding(Kind kind, SmallVector<Leaf> leaves,
                                           llvm::function_ref<void(const Leaf&)> removed) {
  for (size_t n = 0; n < leaves.size();) {
    const Bound one = leaves[n].bound;
    const bool decided = llvm::any_of(llvm::enumerate(leaves), [&](const auto& other) {
      const Bound rival = other.value().bound;
      return other.index() != n && (kind == Kind::Least ? atMost(rival, one) : atMost(one, rival));
    });
    if (decided) {
      removed(leaves[n]);
      leaves.erase(leaves.begin() + n);
    } else {
      ++n;
    }
  }
  return leaves;
}

/// One level of nesting is written out.
static auto flattened(Kind kind, ArrayRef<Bound> parts, auto leaf) {
  SmallVector<decltype(leaf(parts[0], parts[0]))> result;
  for (Bound part : parts)
    if (part->kind == kind)
      for (Bound inner : part->parts)
        result.push_back(leaf(inner, part));
    else
      result.push_back(leaf(part, part));
  return result;
}

SmallVector<Bound> Bounds::leaves(Bound bound) {
  const auto all = flattened(bound->kind, bound->parts, [](Bound leaf, Bound part) { return Leaf{leaf, part}; });
  return llvm::map_to_vector(deciding(bound->kind, all, [](const Leaf&) {}),
                             [](const Leaf& leaf) { return leaf.bound; });
}

Bound Bounds::extremum(Kind kind, ArrayRef<Bound> parts) {
  const auto whole =
      deciding(kind, llvm::map_to_vector(parts, [](Bound part) { return Leaf{part, part}; }), [](const Leaf&) {});
  SmallVector<Bound> parts_left = llvm::map_to_vector(whole, [](const Leaf& leaf) { return leaf.bound; });
  SmallVector<Bound> broken; // these lost more than a constant
  const auto all = flattened(kind, parts_left, [](Bound leaf, Bound part) { return Leaf{leaf, part}; });
  const auto leaves = deciding(kind, all, [&](const Leaf& leaf) {
    if (leaf.bound->kind != Kind::Affine || !isa<AffineConstantExpr>(leaf.bound->expr))
      broken.push_back(leaf.part);
  });
  SmallVector<Bound, 4> left;
  for (const Leaf& leaf : leaves) {
    const Bound kept = llvm::is_contained(broken, leaf.part) ? leaf.bound : leaf.part;
    if (!llvm::is_contained(left, kept))
      left.push_back(kept);
  }
  if (left.size() == 1)
    return left.front();
  for (const BoundNode& node : nodes_)
    if (node.kind == kind && node.parts == left)
      return &node;
  return &nodes_.emplace_back(BoundNode{kind, {}, std::move(left)});
}

SmallVector<Bound> Bounds::sorted(ArrayRef<Bound> bounds) {
  SmallVector<Bound> result(bounds);
  for (size_t end = result.size(); end > 1; --end) // the greatest goes last
    for (size_t n = 0; n + 1 < end; ++n) {
      const Bound a = result[n], b = result[n + 1];
      result[n] = least({a, b});
      result[n + 1] = greatest({a, b});
    }
  return result;
}

} // namespace attune::analysis
