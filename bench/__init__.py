"""The figures the product is measured by; `python -m bench` prints them and writes `build/bench.jsonl`."""
