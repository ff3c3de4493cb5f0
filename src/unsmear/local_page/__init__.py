"""The local page of `unsmear open`: a server for this machine alone, and what a browser shows.

It has no algorithm of its own. A worker process looks at images and restores them by the calls of
`unsmear restore`, which the command line gives it (`work.Work`).
"""
