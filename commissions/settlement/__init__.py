"""Settlement: which day a line belongs to, statements, payouts, and their proof."""
