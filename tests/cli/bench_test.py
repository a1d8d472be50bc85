"""The program's own instrument: attune bench."""

import unittest

from harness import Case


class Bench(Case):
    """The instrument itself; on a machine without a GPU it must say that it measured none."""

    def bench(self, *arguments, code=0):
        return self.document("bench", "--device", "emulated", "--samples", "1", *arguments, code=code)

    def test_attention_on_the_emulated_device(self):
        csv, page = self.folder / "bench.csv", self.folder / "bench.html"
        document = self.bench("--suite", "prefill", "--only", "qwen2.5-7b 1x8192", "--csv", csv, "--html", page, "--commit", "abc")
        self.assertFalse(document["kernel_speed_measured"])
        self.assertIn("No speed of a kernel was measured", document["note"])
        self.assertEqual(document["commit"], "abc")
        self.assertTrue(document["machine"]["device"]["emulated"])
        self.assertEqual([case["suite"] for case in document["cases"]], ["prefill"])
        for case in document["cases"]:
            self.assertTrue(case["ok"], case)
            self.assertNotIn("time_us", case)
            self.assertNotIn("tflops", case)
        for ceiling in document["ceilings"].values():
            self.assertTrue(ceiling["ok"])
            self.assertNotIn("value", ceiling)
        for text in csv.read_text(), page.read_text(), self.expect(0, "bench", "--device", "emulated", "--suite", "decode", "--only", "qwen2.5-7b 1x1024").stdout:
            self.assertIn("No speed of a kernel was measured", text)

    def test_the_host_is_measured_anywhere(self):
        for suite, only in ("jit", "llama-3.2-1b prefill sm_80"), ("host", "launch without the driver, prefill"), ("emulator", "integers"):
            document = self.bench("--suite", suite, "--only", only)
            self.assertNotIn("note", document)
            for figure in document["figures"]:
                self.assertGreater(figure["value"], 0, figure)
            if suite == "jit":
                first, disk = (next(f for f in document["figures"] if f["name"].endswith(what)) for what in ("nothing cached", "from disk"))
                self.assertEqual(first["unit"], "ms")
                self.assertGreater(first["value"], 5 * disk["value"])

    def test_cases_are_listed_for_others(self):
        cases = self.document("bench", "--suite", "varlen", "--list-cases")["cases"]
        self.assertEqual(len(cases[0]["cu_seqlens_k"]), cases[0]["batch"] + 1)
        self.assertTrue(cases[0]["spec"]["varlen"])

    def test_time_limit(self):
        self.assertFalse(self.bench("--suite", "jit", "--time-limit", "0.001", code=8)["complete"])

    def test_refusals(self):
        self.expect(2, "bench", says=["--suite"])
        self.expect(2, "bench", "--suite", "prefil", says=["did you mean 'prefill'"])
        self.expect(2, "bench", "--suite", "host", "--only", "no such thing", says=["no such thing"])


if __name__ == "__main__":
    unittest.main()
