"""What `attune compile --dump` writes for those who launch a kernel themselves."""

import json
import unittest

from harness import Case, spec


class Manifest(Case):
    def dumped(self, *arguments):
        self.expect(0, "compile", *arguments, "--dump", "manifest", "--out", self.folder)
        return {path.stem: json.loads(path.read_text()) for path in self.folder.iterdir()}

    def test_of_roles(self):
        (manifest,) = self.dumped(spec(q_heads=8, kv_heads=2, head_dim=128, causal=True), "--arch", "sm_90a").values()
        self.assertEqual(manifest["name"], "attention_forward")
        self.assertEqual(manifest["grid"], [["q_tiles", "q_heads", "batch"], [], []])  # pieces: blocks share them
        self.assertEqual((manifest["threads"], manifest["persistent"], manifest["cluster"]), (384, True, 1))
        self.assertIn({"kind": "tensor_map", "name": "k", "box_rows": 128, "box_columns": 64}, manifest["parameters"])
        kinds = [parameter["kind"] for parameter in manifest["parameters"]]
        self.assertEqual(kinds.count("tensor_map"), 4)
        self.assertEqual(kinds.count("f32"), 1)  # the scale

    def test_of_split_decode(self):
        dumped = self.dumped(spec(q_heads=8, kv_heads=2, head_dim=128), "--arch", "sm_80", "--phase", "decode")
        self.assertEqual(set(dumped), {"attention_partial", "attention_combine"})
        self.assertIn("splits", sum(dumped["attention_partial"]["grid"], []))


if __name__ == "__main__":
    unittest.main()
