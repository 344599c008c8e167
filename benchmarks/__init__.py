"""Speed, memory and accuracy, beside the peers; see ``docs/benchmarks.md``."""
