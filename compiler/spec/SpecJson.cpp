#include "attune/compiler/SpecJson.h"

#include "compiler/spec/Nearest.h"
#include "compiler/spec/Refuse.h"
#include "compiler/spec/StrictJson.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <utility>

namespace attune {

namespace {

using Json = nlohmann::json;

template <class E>
using Names = std::vector<std::pair<std::string, E>>;

// Functions, not globals: specs may be read while other files' globals are still being built.
Names<DType> dtypeNames() { return {{"bf16", DType::BF16}, {"fp16", DType::F16}, {"fp8_e4m3", DType::E4M3}}; }
/// What others call them.
Names<DType> dtypeAliases() {
  return {{"bfloat16", DType::BF16}, {"float16", DType::F16}, {"half", DType::F16},
          {"fp8", DType::E4M3},      {"float8", DType::E4M3}, {"e4m3", DType::E4M3}};
}
Names<Causal> causalNames() {
  return {{"none", Causal::None}, {"bottom_right", Causal::BottomRight}, {"top_left", Causal::TopLeft}};
}
Names<Alibi> alibiNames() {
  return {{"none", Alibi::None}, {"per_head", Alibi::PerHead}, {"per_batch_head", Alibi::PerBatchHead}};
}
Names<Layout> layoutNames() { return {{"bshd", Layout::Bshd}, {"bhsd", Layout::Bhsd}, {"strided", Layout::Strided}}; }

template <class E>
std::string nameOf(E value, const Names<E>& names) {
  return std::ranges::find(names, value, &std::pair<std::string, E>::second)->first;
}

template <class E>
std::string oneOf(const Names<E>& names, const char* instead = "") {
  std::string text;
  for (const auto& [name, value] : names)
    text += (text.empty() ? "\"" : ", \"") + name + "\"";
  return text + instead;
}

std::string lower(std::string text) {
  std::ranges::transform(text, text.begin(), [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return text;
}

std::string entry(std::string_view key, const Json& value) { return fmt::format("\"{}\": {}", key, shown(value)); }

/// Reads the values of one JSON object; an absent key leaves its variable as it is, and null means an absent optional.
class Reader {
public:
  Reader(const Json& object, const std::string& what, const std::vector<std::string>& known) : object_(object) {
    for (const auto& [key, value] : object.items())
      if (std::ranges::find(known, key) == known.end())
        invalid("key " + shown(key), what + " has no such key", didYouMean(key, known));
  }

  /// nullptr if absent.
  const Json* at(const char* key) const {
    const auto found = object_.find(key);
    return found == object_.end() ? nullptr : &*found;
  }

  void read(const char* key, int& to) const {
    if (const Json* v = at(key))
      to = static_cast<int>(integer(key, *v, 1 << 30));
  }
  void read(const char* key, std::optional<std::int64_t>& to) const {
    if (const Json* v = at(key); v && !v->is_null())
      to = integer(key, *v, std::int64_t{1} << 40);
  }
  void read(const char* key, double& to) const {
    if (const Json* v = at(key))
      to = number(key, *v);
  }
  void read(const char* key, std::optional<double>& to) const {
    if (const Json* v = at(key); v && !v->is_null())
      to = number(key, *v);
  }
  void read(const char* key, bool& to) const {
    const Json* v = at(key);
    if (v && !v->is_boolean())
      invalid(entry(key, *v), "it must be true or false", "write it without quotes");
    if (v)
      to = v->get<bool>();
  }
  /// `aliases`: refused too, but each has its name, however far from it.
  template <class E>
  void read(const char* key, E& to, const Names<E>& names, const Names<E>& aliases = {}) const {
    const Json* v = at(key);
    if (!v)
      return;
    std::vector<std::string> known;
    for (const auto& [name, value] : names) {
      if (*v == name) {
        to = value;
        return;
      }
      known.push_back(name);
    }
    std::string meant = v->is_string() ? v->get<std::string>() : "";
    if (const auto alias = std::ranges::find(aliases, lower(meant), &std::pair<std::string, E>::first);
        alias != aliases.end())
      meant = nameOf(alias->second, names);
    invalid(entry(key, *v), "it must be one of a few names", didYouMean(meant, known));
  }
  /// A name, or a bool: true stands for `meaning`.
  template <class E>
  void read(const char* key, E& to, const Names<E>& names, E meaning) const {
    if (const Json* v = at(key); v && v->is_boolean())
      to = v->get<bool>() ? meaning : E::None;
    else
      read(key, to, names);
  }

private:
  static std::int64_t integer(const char* key, const Json& v, std::int64_t limit) {
    if (!v.is_number_integer())
      invalid(entry(key, v), "it must be an integer", "write a whole number without quotes");
    const bool beyond = v.is_number_unsigned() ? v.get<std::uint64_t>() > static_cast<std::uint64_t>(limit)
                                               : v.get<std::int64_t>() < -limit;
    if (beyond)
      invalid(entry(key, v), "it is out of range", fmt::format("use a number from -{} to {}", limit, limit));
    return v.get<std::int64_t>();
  }

  static double number(const char* key, const Json& v) {
    if (!v.is_number())
      invalid(entry(key, v), "it must be a number", "write it without quotes");
    return v.get<double>();
  }

  const Json& object_;
};

Window readWindow(const Json& json) {
  Window window;
  if (json.is_null())
    return window;
  if (!json.is_object())
    invalid(entry("window", json), "it must be an object", R"(write {"left": 4095, "right": 0})");
  const Reader reader(json, "\"window\"", {"left", "right"});
  reader.read("left", window.left);
  reader.read("right", window.right);
  return window;
}

std::vector<std::string> readMask(const Json& json) {
  const char* const remedy = R"(write ["k <= q + sk - sq and k % 2 == 0"], one string per set of the union)";
  if (!json.is_array())
    invalid(entry("mask", json), "it must be a list of strings", remedy);
  std::vector<std::string> sets;
  for (const Json& set : json) {
    if (!set.is_string())
      invalid(entry("mask", set), "it must be a list of strings", remedy);
    sets.push_back(set.get<std::string>());
  }
  return sets;
}

/// Whether LSE is among the outputs.
bool readOutputs(const Json& json) {
  if (!json.is_array() || std::ranges::find(json, Json("o")) == json.end())
    invalid(entry("outputs", json), "it must be a list with \"o\"", R"(write ["o"] or ["o", "lse"])");
  for (const Json& name : json)
    if (name != "o" && name != "lse")
      invalid(entry("outputs", name), "there is no such output", R"(write ["o"] or ["o", "lse"])");
  return std::ranges::find(json, Json("lse")) != json.end();
}

} // namespace

std::string_view dtypeName(DType dtype) {
  static const Names<DType> names = dtypeNames();
  return std::ranges::find(names, dtype, &std::pair<std::string, DType>::second)->first;
}

std::vector<SpecKey> specKeys() {
  const std::string aligned =
      "queries are bottom-right aligned, at q + sk - sq, unless causal is top_left"; // Visible.h
  return {
      {"dtype", oneOf(dtypeNames()), "of Q, K, V and O, but O of fp8_e4m3 is bf16; softmax and sums are fp32"},
      {"q_heads", "integer", "heads of Q and O; required"},
      {"kv_heads", "integer", "heads of K and V, a divisor of q_heads; default: q_heads"},
      {"head_dim", "integer", "of Q and K: a multiple of 8 from 8 to 256; required"},
      {"head_dim_v", "integer", "of V and O: likewise; default: head_dim"},
      {"causal", oneOf(causalNames(), ", or true"),
       "no later keys; the diagonal ends in that corner; true: bottom_right"},
      {"window", R"({"left": L, "right": R})",
       "keys within these inclusive distances, which may be negative; absent, not -1, is unlimited; " + aligned},
      {"chunk", "integer", "keys of the query's own chunk of this many positions; " + aligned},
      {"prefix", "integer", "keys below it are visible to every query"},
      {"mask", "list of strings", "a union of sets in q, k, sq, sk; instead of the four above"},
      {"softcap", "number", "c: a score s becomes c tanh(s / c); 0: none"},
      {"alibi", oneOf(alibiNames(), ", or true"), "slopes are an input, alibi_slopes; true: per_head"},
      {"sink", "true, false", "one more logit per q head joins the denominator; an input, sink"},
      {"scale", "number", "of Q K^T; default: 1 / sqrt(head_dim)"},
      {"layout", oneOf(layoutNames()), "of dense tensors: batch, sequence, heads, dim"},
      {"varlen", "true, false", "sequences packed end to end; inputs cu_seqlens_q, cu_seqlens_k"},
      {"outputs", R"(["o"], ["o", "lse"])", "LSE: natural log of each row's sum of exponentials"},
      {"deterministic", "true, false", "same spec and shapes give the same bits"},
      {"batch_invariant", "true, false", "a row's bits do not depend on the batch it is in"},
  };
}

AttentionSpec specFromJson(std::string_view text) {
  const Json json = strictJson(text, "the spec");
  std::vector<std::string> known;
  for (const SpecKey& key : specKeys())
    known.push_back(key.name);
  const Reader reader(json, "a spec", known);
  for (const char* required : {"q_heads", "head_dim"})
    if (!reader.at(required))
      invalid(fmt::format("no \"{}\"", required), "a spec needs it", "add it");

  AttentionSpec s;
  reader.read("dtype", s.dtype, dtypeNames(), dtypeAliases());
  reader.read("q_heads", s.q_heads);
  s.kv_heads = s.q_heads;
  reader.read("kv_heads", s.kv_heads);
  reader.read("head_dim", s.head_dim);
  s.head_dim_v = s.head_dim;
  reader.read("head_dim_v", s.head_dim_v);
  reader.read("causal", s.causal, causalNames(), Causal::BottomRight);
  if (const Json* window = reader.at("window"))
    s.window = readWindow(*window);
  reader.read("chunk", s.chunk);
  reader.read("prefix", s.prefix);
  if (const Json* mask = reader.at("mask"))
    s.mask = readMask(*mask);
  reader.read("softcap", s.softcap);
  reader.read("alibi", s.alibi, alibiNames(), Alibi::PerHead);
  reader.read("sink", s.sink);
  reader.read("scale", s.scale);
  reader.read("layout", s.layout, layoutNames());
  reader.read("varlen", s.varlen);
  if (const Json* outputs = reader.at("outputs"))
    s.lse = readOutputs(*outputs);
  reader.read("deterministic", s.deterministic);
  reader.read("batch_invariant", s.batch_invariant);
  validate(s);
  return s;
}

std::string specToJson(const AttentionSpec& s) {
  nlohmann::ordered_json j;
  const auto optional = [](const auto& value) {
    return value ? nlohmann::ordered_json(*value) : nlohmann::ordered_json(nullptr);
  };
  j["dtype"] = nameOf(s.dtype, dtypeNames());
  j["q_heads"] = s.q_heads;
  j["kv_heads"] = s.kv_heads;
  j["head_dim"] = s.head_dim;
  j["head_dim_v"] = s.head_dim_v ? s.head_dim_v : s.head_dim;
  j["causal"] = nameOf(s.causal, causalNames());
  j["window"] = {{"left", optional(s.window.left)}, {"right", optional(s.window.right)}};
  j["chunk"] = optional(s.chunk);
  j["prefix"] = optional(s.prefix);
  j["mask"] = s.mask;
  j["softcap"] = s.softcap == 0 ? 0.0 : s.softcap; // one spelling for both zeros
  j["alibi"] = nameOf(s.alibi, alibiNames());
  j["sink"] = s.sink;
  j["scale"] = optional(s.scale);
  j["layout"] = nameOf(s.layout, layoutNames());
  j["varlen"] = s.varlen;
  j["outputs"] = s.lse ? std::vector<std::string>{"o", "lse"} : std::vector<std::string>{"o"};
  j["deterministic"] = s.deterministic;
  j["batch_invariant"] = s.batch_invariant;
  return j.dump();
}

} // namespace attune
