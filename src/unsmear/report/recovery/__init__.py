"""Report of a recovery analysis: `unsmear recovery`."""
