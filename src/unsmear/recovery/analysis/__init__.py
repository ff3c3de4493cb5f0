"""What the predictions come to: scores, recovery, agreement, intervals."""
