"""The search for good options: trials in a journal that processes share."""
