"""The answers as tables and figures: Markdown for `benchmarks/`, and a page of their own."""
