"""Report of a training run: `unsmear page`."""
