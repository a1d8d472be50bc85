"""One readable table, and one JSON, of a run of run.sh: what Attune takes for each shape, what the best peer takes, and what share of its ceiling that is.

usage: summary.py summary.json [--out TABLE.md]
Prints the table, and writes it into summary.json as "table": {"suites": {...}, "shapes": [...]}.

A shape where a peer is faster is marked SLOWER. Ratios are time of the best peer over time of Attune, in one process on one set of tensors: above 1 Attune is faster. Where
there are no peers Attune's time is that of `attune bench`. A share is of the ceiling that this run measured itself: bytes of one-token attention against the copy, FLOPs of
all others against the matrix product of their type."""

import argparse
import json
import pathlib
import statistics



def geometric_mean(values):
    values = [v for v in values if v is not None]
    return statistics.geometric_mean(values) if values else None


def ceilings_of(run):
    """The median over all documents of the run: each process of `attune bench` measured them."""
    samples = {}
    for document in run.values():
        if isinstance(document, dict) and isinstance(document.get("ceilings"), dict):
            for name, ceiling in document["ceilings"].items():
                if ceiling.get("value"):
                    samples.setdefault(name, []).append(ceiling["value"])
    return {name: statistics.median(values) for name, values in samples.items()}


def shapes_of(run):
    ceilings, shapes = ceilings_of(run), {}
    for name, document in sorted(run.items()):
        if name.startswith("attention") and isinstance(document, dict):
            for case in document.get("cases", []):
                shapes.setdefault(case["name"], {"suite": case["suite"], "name": case["name"], "us": None, "best_peer": None, "peer_us": None, "ratio": None, "peers": {}})
                shapes[case["name"]].update(flops=case["flops"], bytes=case["bytes"], one_token=case["q_len"] == 1, dtype=case["spec"].get("dtype", "bf16"), us=case.get("time_us"),
                                            right=case["ok"], why=case.get("failure") or case.get("skipped") or "", skipped="skipped" in case)
    for case in run.get("peers", {}).get("cases", []):
        times, shape = {name: t["us"] for name, t in case["times"].items()}, shapes.get(case["name"])
        if shape is None:  # the benchmark did not come so far
            shape = shapes[case["name"]] = {"suite": case["suite"], "name": case["name"], "flops": case["flops"], "bytes": case["bytes"], "one_token": case["suite"] == "decode",
                                            "dtype": "fp8_e4m3" if case["name"].startswith("fp8") else "bf16", "right": True, "why": "", "skipped": False, "best_peer": None,
                                            "peer_us": None, "ratio": None}
        shape["us"] = times.pop("attune")
        shape["peers"] = times
        if times:
            shape["best_peer"], shape["peer_us"] = min(times.items(), key=lambda item: item[1])
            shape["ratio"] = shape["peer_us"] / shape["us"]
    for shape in shapes.values():
        memory = shape["one_token"]
        shape["unit"] = "GB/s" if memory else "TFLOPS"
        shape["value"] = shape["share"] = None
        if shape["us"]:
            shape["value"] = (shape["bytes"] * 1e-3 if memory else shape["flops"] * 1e-6) / shape["us"]
            top = ceilings.get("copy" if memory else "fp8_matmul" if shape["dtype"] == "fp8_e4m3" else "bf16_matmul")
            shape["share"] = shape["value"] / top if top else None
        shape["slower"] = shape["ratio"] is not None and shape["ratio"] < 1
    return list(shapes.values()), ceilings


def suites_of(shapes):
    suites = {}
    for suite in dict.fromkeys(shape["suite"] for shape in shapes):
        of_suite = [shape for shape in shapes if shape["suite"] == suite]
        per_peer = {}
        for shape in of_suite:
            for name, us in shape["peers"].items() if shape.get("peers") else ():
                per_peer.setdefault(name, []).append(us / shape["us"])
        suites[suite] = {"shapes": len(of_suite), "wrong": sum(not s["right"] for s in of_suite), "timed": sum(s["us"] is not None for s in of_suite),
                         "compared": sum(s["ratio"] is not None for s in of_suite), "slower": sum(s["slower"] for s in of_suite),
                         "share": geometric_mean(s["share"] for s in of_suite), "ratio": geometric_mean(s["ratio"] for s in of_suite),
                         "peers": {name: {"ratio": geometric_mean(ratios), "shapes": len(ratios), "slower": sum(r < 1 for r in ratios)} for name, ratios in per_peer.items()}}
    return suites


def digits(value):
    return "-" if value is None else f"{value:,.0f}" if value >= 1000 else f"{value:.3g}"


def percent(value):
    return "-" if value is None else f"{100 * value:.0f} %"


def ratio(value):
    return "-" if value is None else f"{value:.2f}"


def lines_of(header, rows):
    """A table that is Markdown, and aligned for those who read it as it is. The first column is text."""
    widths = [max(len(str(row[n])) for row in [header, *rows]) for n in range(len(header))]
    put = lambda row: "| " + " | ".join(str(cell).ljust(w) if n < 1 else str(cell).rjust(w) for n, (cell, w) in enumerate(zip(row, widths))) + " |"
    return [put(header), "|" + "|".join("-" * (w + 1) + (":" if n else "-") for n, w in enumerate(widths)) + "|", *map(put, rows)]


def table(run, shapes, ceilings, suites):
    text = []
    if not run.get("kernel_speed_measured"):
        text += [f"**{run.get('note') or 'No speed was measured.'}**", ""]
    if ceilings:
        text += ["Ceilings: " + ", ".join(f"{name} {digits(value)} {'GB/s' if name == 'copy' else 'TFLOPS' if 'matmul' in name else 'G/s' if name == 'exp2' else 'us'}" for name, value in ceilings.items()), ""]
    text += lines_of(["suite", "shapes", "wrong", "timed", "share of ceiling", "compared", "best peer's time / ours", "slower"],
                     [[name, s["shapes"], s["wrong"], s["timed"], percent(s["share"]), s["compared"], ratio(s["ratio"]), s["slower"]] for name, s in suites.items()])
    peers = sorted({name for s in suites.values() for name in s["peers"]})
    if peers:
        text += ["", "Time of each peer over Attune's, geometric mean (shapes; of them Attune slower):", ""]
        cell = lambda p: f"{p['ratio']:.2f} ({p['shapes']}; {p['slower']})" if p else "-"
        text += lines_of(["peer", *suites], [[name, *(cell(s["peers"].get(name)) for s in suites.values())] for name in peers])
    for suite in suites:
        text += ["", f"## {suite}", ""]
        text += lines_of(["shape", "us", "reached", "share", "best peer", "its us", "ratio", ""],
                         [[s["name"], digits(s["us"]), f"{digits(s['value'])} {s['unit']}" if s["value"] else "-", percent(s["share"]), s["best_peer"] or "-", digits(s["peer_us"]), ratio(s["ratio"]),
                           "SLOWER" if s["slower"] else "skipped: " + s["why"] if s["skipped"] else "WRONG: " + s["why"] if not s["right"] else "right, not timed" if s["us"] is None else ""]
                          for s in shapes if s["suite"] == suite])
    figures = [f for document in run.values() if isinstance(document, dict) for f in document.get("figures", [])]
    if figures:
        text += ["", "## host", ""] + lines_of(["figure", "median", "unit"], [[f"{f['suite']}: {f['name']}", digits(f["value"]), f["unit"]] for f in figures])
    return "\n".join(text) + "\n"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=pathlib.Path)
    parser.add_argument("--out", type=pathlib.Path, help="the table as Markdown")
    options = parser.parse_args()
    run = json.loads(options.run.read_text())
    shapes, ceilings = shapes_of(run)
    suites = suites_of(shapes)
    text = table(run, shapes, ceilings, suites)
    print(text, end="")
    if options.out:
        options.out.write_text(text)
    run["table"] = {"ceilings": ceilings, "suites": suites, "shapes": shapes}
    part = options.run.with_suffix(".part")
    part.write_text(json.dumps(run, indent=1) + "\n")
    part.replace(options.run)


if __name__ == "__main__":
    main()
