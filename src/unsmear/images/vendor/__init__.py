"""Files of microscopes' own formats, which are read and not written: a module a format.

Their readers are the extra "formats"; each is imported when a file of its format is read.
"""
