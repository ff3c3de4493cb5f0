"""Options of the commands, and what can be checked about them without an image.

Nothing here, nor in what it imports, needs NumPy: a wrong option is refused at once.
"""
