"""Which labels an image has: trained classifiers, and what they are shown."""
