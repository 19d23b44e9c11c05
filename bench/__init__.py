"""Figures, printed as tables with ratios; nothing is asserted. `make bench`."""
