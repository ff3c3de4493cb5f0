"""Analysis of the predictions: scores, recovery, agreement, confidence intervals."""
