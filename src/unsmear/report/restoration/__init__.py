"""Report of a restoration: `unsmear restore --report`."""
