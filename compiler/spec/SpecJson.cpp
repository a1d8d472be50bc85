#include "attune/compiler/SpecJson.h"

#include "attune/compiler/Error.h"
#include "compiler/spec/Nearest.h"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <array>
#include <set>

namespace attune {

namespace {

using Json = nlohmann::json;

[[noreturn]] void invalid(const std::string& value, const std::string& rule, const std::string& remedy) {
  throw UserError(UserError::Kind::Invalid, value, rule, remedy);
}

const std::vector<std::string> known_keys = {"dtype",  "q_heads", "kv_heads", "head_dim", "head_dim_v", "causal", "window",  "chunk",         "prefix",         "mask",
                                             "softcap", "alibi",   "sink",     "scale",    "layout",     "varlen", "outputs", "deterministic", "batch_invariant"};

/// A value as the messages show it: short.
std::string shown(std::string_view key, const Json& value) {
  std::string text = value.dump(-1, ' ', false, Json::error_handler_t::replace);
  if (text.size() > 60)
    text = text.substr(0, 57) + "...";
  return fmt::format("\"{}\": {}", key, text);
}

class Reader {
public:
  explicit Reader(const Json& object) : object_(object) {}

  template <class F> void at(const std::string& key, F&& use) const {
    if (const auto found = object_.find(key); found != object_.end())
      use(*found);
  }

  void integer(const std::string& key, int& to) const {
    at(key, [&](const Json& v) { to = static_cast<int>(wide(key, v, 1 << 30)); });
  }
  void integer(const std::string& key, std::optional<std::int64_t>& to) const {
    at(key, [&](const Json& v) {
      if (!v.is_null())
        to = wide(key, v, std::int64_t{1} << 40);
    });
  }
  void number(const std::string& key, double& to) const {
    at(key, [&](const Json& v) {
      if (!v.is_number())
        invalid(shown(key, v), "it must be a number", "write a number without quotes");
      to = v.get<double>();
    });
  }
  void boolean(const std::string& key, bool& to) const {
    at(key, [&](const Json& v) {
      if (!v.is_boolean())
        invalid(shown(key, v), "it must be true or false", "write true or false without quotes");
      to = v.get<bool>();
    });
  }
  template <class E> void choice(const std::string& key, E& to, std::span<const std::pair<std::string, E>> names) const {
    at(key, [&](const Json& v) {
      std::vector<std::string> known;
      for (const auto& [name, value] : names) {
        if (v.is_string() && v.get<std::string>() == name) {
          to = value;
          return;
        }
        known.push_back(name);
      }
      invalid(shown(key, v), "it must be one of a few names", didYouMean(v.is_string() ? v.get<std::string>() : "", known));
    });
  }

private:
  static std::int64_t wide(const std::string& key, const Json& v, std::int64_t limit) {
    if (!v.is_number_integer())
      invalid(shown(key, v), "it must be an integer", "write a whole number without quotes");
    if (v.is_number_unsigned() ? v.get<std::uint64_t>() > static_cast<std::uint64_t>(limit) : (v.get<std::int64_t>() < -limit || v.get<std::int64_t>() > limit))
      invalid(shown(key, v), "it is out of range", fmt::format("use a number of at most {}", limit));
    return v.get<std::int64_t>();
  }
  const Json& object_;
};

/// nlohmann keeps the last of two equal keys; a spec with two has a mistake in it.
Json parse(std::string_view text) {
  std::vector<std::set<std::string>> keys;
  std::string duplicate;
  int depth = 0;
  const Json::parser_callback_t callback = [&](int, Json::parse_event_t event, Json& parsed) {
    if (event == Json::parse_event_t::object_start) {
      keys.emplace_back();
      ++depth;
    } else if (event == Json::parse_event_t::object_end) {
      keys.pop_back();
      --depth;
    } else if (event == Json::parse_event_t::key && !keys.empty() && !keys.back().insert(parsed.get<std::string>()).second) {
      duplicate = parsed.get<std::string>();
    }
    return depth <= 8;
  };
  Json json;
  try {
    json = Json::parse(text, callback);
  } catch (const Json::exception& error) {
    invalid("the spec", std::string("it must be JSON: ") + error.what(), "check quotes and commas");
  }
  if (!duplicate.empty())
    invalid("\"" + duplicate + "\"", "a key may appear once", "drop one of them");
  if (!json.is_object())
    invalid("the spec", "it must be a JSON object", R"(write {"dtype": "bf16", "q_heads": 28, ...})");
  return json;
}

} // namespace

AttentionSpec specFromJson(std::string_view text) {
  const Json json = parse(text);
  for (const auto& [key, value] : json.items())
    if (std::ranges::find(known_keys, key) == known_keys.end())
      invalid("\"" + key + "\"", "a spec has no such key", didYouMean(key, known_keys));

  AttentionSpec s;
  const Reader read(json);
  for (const char* required : {"q_heads", "head_dim"})
    if (!json.contains(required))
      invalid(fmt::format("no \"{}\"", required), "a spec needs it", "add it");
  read.choice<DType>("dtype", s.dtype, std::array<std::pair<std::string, DType>, 2>{{{"bf16", DType::BF16}, {"fp16", DType::F16}}});
  read.integer("q_heads", s.q_heads);
  s.kv_heads = s.q_heads;
  read.integer("kv_heads", s.kv_heads);
  read.integer("head_dim", s.head_dim);
  s.head_dim_v = s.head_dim;
  read.integer("head_dim_v", s.head_dim_v);
  read.at("causal", [&](const Json& v) {
    if (v.is_boolean())
      s.causal = v.get<bool>() ? Causal::BottomRight : Causal::None;
    else
      read.choice<Causal>("causal", s.causal, std::array<std::pair<std::string, Causal>, 3>{{{"none", Causal::None}, {"bottom_right", Causal::BottomRight}, {"top_left", Causal::TopLeft}}});
  });
  read.at("window", [&](const Json& v) {
    if (v.is_null())
      return;
    if (!v.is_object())
      invalid(shown("window", v), "it must be an object", R"(write {"left": 4095, "right": 0})");
    const std::vector<std::string> sides = {"left", "right"};
    for (const auto& [key, side] : v.items())
      if (std::ranges::find(sides, key) == sides.end())
        invalid("\"window\": \"" + key + "\"", "a window has left and right", didYouMean(key, sides));
    const Reader window(v);
    window.integer("left", s.window.left);
    window.integer("right", s.window.right);
  });
  read.integer("chunk", s.chunk);
  read.integer("prefix", s.prefix);
  read.at("mask", [&](const Json& v) {
    if (!v.is_array())
      invalid(shown("mask", v), "it must be a list of strings", R"(write ["k <= q + sk - sq and k % 2 == 0"])");
    for (const Json& set : v) {
      if (!set.is_string())
        invalid(shown("mask", set), "each set of the union must be a string", R"(write ["k <= q + sk - sq and k % 2 == 0"])");
      s.mask.push_back(set.get<std::string>());
    }
  });
  read.number("softcap", s.softcap);
  read.at("alibi", [&](const Json& v) {
    if (v.is_boolean())
      s.alibi = v.get<bool>() ? Alibi::PerHead : Alibi::None;
    else
      read.choice<Alibi>("alibi", s.alibi, std::array<std::pair<std::string, Alibi>, 3>{{{"none", Alibi::None}, {"per_head", Alibi::PerHead}, {"per_batch_head", Alibi::PerBatchHead}}});
  });
  read.boolean("sink", s.sink);
  read.at("scale", [&](const Json& v) {
    if (v.is_null())
      return;
    double scale = 0;
    read.number("scale", scale);
    s.scale = scale;
  });
  read.choice<Layout>("layout", s.layout, std::array<std::pair<std::string, Layout>, 3>{{{"bshd", Layout::Bshd}, {"bhsd", Layout::Bhsd}, {"strided", Layout::Strided}}});
  read.boolean("varlen", s.varlen);
  read.at("outputs", [&](const Json& v) {
    const std::vector<std::string> known = {"o", "lse"};
    s.lse = false;
    if (!v.is_array() || std::ranges::find(v, Json("o")) == v.end())
      invalid(shown("outputs", v), "it must be a list with \"o\"", R"(write ["o"] or ["o", "lse"])");
    for (const Json& name : v) {
      if (!name.is_string() || std::ranges::find(known, name.get<std::string>()) == known.end())
        invalid(shown("outputs", name), "outputs are o and lse", didYouMean(name.is_string() ? name.get<std::string>() : "", known));
      s.lse |= name == "lse";
    }
  });
  read.boolean("deterministic", s.deterministic);
  read.boolean("batch_invariant", s.batch_invariant);
  validate(s);
  return s;
}

std::string specToJson(const AttentionSpec& s) {
  nlohmann::ordered_json j;
  const auto optional = [](const auto& value) -> nlohmann::ordered_json { return value ? nlohmann::ordered_json(*value) : nlohmann::ordered_json(nullptr); };
  j["dtype"] = s.dtype == DType::BF16 ? "bf16" : "fp16";
  j["q_heads"] = s.q_heads;
  j["kv_heads"] = s.kv_heads;
  j["head_dim"] = s.head_dim;
  j["head_dim_v"] = s.head_dim_v ? s.head_dim_v : s.head_dim;
  j["causal"] = s.causal == Causal::None ? "none" : s.causal == Causal::BottomRight ? "bottom_right" : "top_left";
  j["window"] = {{"left", optional(s.window.left)}, {"right", optional(s.window.right)}};
  j["chunk"] = optional(s.chunk);
  j["prefix"] = optional(s.prefix);
  j["mask"] = s.mask;
  j["softcap"] = s.softcap;
  j["alibi"] = s.alibi == Alibi::None ? "none" : s.alibi == Alibi::PerHead ? "per_head" : "per_batch_head";
  j["sink"] = s.sink;
  j["scale"] = optional(s.scale);
  j["layout"] = s.layout == Layout::Bshd ? "bshd" : s.layout == Layout::Bhsd ? "bhsd" : "strided";
  j["varlen"] = s.varlen;
  j["outputs"] = s.lse ? nlohmann::ordered_json{"o", "lse"} : nlohmann::ordered_json{"o"};
  j["deterministic"] = s.deterministic;
  j["batch_invariant"] = s.batch_invariant;
  return j.dump();
}

} // namespace attune
