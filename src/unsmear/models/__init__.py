"""Networks, one a file; a network's keyword-only signature is its schema."""
