"""``dreamwall calibrate``: the last metre measured by the camera, for the person on the ladder.

`arguments` is the command line, `commands` what each does with it.  What is measured is a generator of steps against a
wall and an eye (`seam`), so that a page can follow it as well, and tests need neither a screen nor a camera.
"""
