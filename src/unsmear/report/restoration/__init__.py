"""The page of `unsmear restore --report`."""
