"""Where images come from: folders, the HPA, synthetic cells, prepared pairs."""
