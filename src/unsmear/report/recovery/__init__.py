"""The page of `unsmear recovery`."""
