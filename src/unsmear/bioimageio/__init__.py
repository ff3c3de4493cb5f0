"""Networks as packages of bioimage.io (`unsmear export --bioimageio`); needs bioimageio.spec."""
