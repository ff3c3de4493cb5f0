"""Remove motion blur from the open image with Unsmear: a menu command for Fiji.

The image goes to the command line `unsmear restore` as a TIFF in a temporary folder; the result is
shown with the calibration, channels, display ranges and labels of the image. See
docs/how-to/fiji-and-qupath.md. For Jython 2.7; what stands before `main` knows nothing of ImageJ's
windows, and all but `Command` runs in Python 3 as well.
"""

from __future__ import division, unicode_literals

import filecmp
import io
import math
import os
import re
import shlex
import shutil
import textwrap

TITLE = "Unsmear"
RGB = (
    "This image is RGB, colours for display, and Unsmear takes the intensities that were recorded. "
    "Open the original file with its channels; the file of a colour camera is restored by "
    "'unsmear restore FILE' in a terminal."
)
NOT_FOUND = (
    "The command unsmear must be a program of this computer, got '%s'. "
    "'which unsmear' (on Windows 'where unsmear') in a terminal shows where it is."
)


class RestoreError(Exception):
    """What went wrong, in a sentence for the user."""


class CancelledError(RestoreError):
    """The user pressed Escape."""


def command_line(program, image, folder, length=0, angle=0, options=""):
    """Return the words of a call that restores an image into a folder.

    length: of the motion, pixels; 0 lets Unsmear find the motion in the image.
    angle: degrees, anticlockwise from +x. options: more options, as in a terminal.
    """
    words = [program, "restore", image, "--output", folder]
    if length:
        words += ["--length", "%g" % length, "--angle", "%g" % angle]
    return words + shlex.split(options)


def line_motion(x1, y1, x2, y2):
    """Return length and angle, 0 to 180 degrees, of a line; rows grow downwards."""
    return math.hypot(x2 - x1, y2 - y1), math.degrees(math.atan2(y1 - y2, x2 - x1)) % 180


def file_name(title):
    """Return a name for an image's file that no system and no pattern of file names reads anew."""
    stem = re.sub(r"(\.ome)?\.[A-Za-z]\w{0,3}$", "", title)
    return (re.sub(r"[^A-Za-z0-9 ._()+-]", "_", stem)[:80].strip(" .") or "image") + ".tif"


def outcome(printed):
    """Return what the command says of the image, without the path of the result."""
    return re.sub(r" -> .*", "", printed.strip())


def reason(printed):
    """Return the command's own sentence of an error, without the frame around it."""
    framed = re.findall("^\u2502 (.*?)\\s*\u2502\\s*$", printed, re.MULTILINE)
    return " ".join(framed) or re.sub(r"^unsmear: ", "", printed.strip())


def on_path(name="unsmear"):
    """Return the path of a program that the shell's PATH names, or "" where there is none."""
    for folder in os.environ.get("PATH", "").split(os.pathsep):
        for ending in ("", ".exe"):
            path = os.path.join(folder, name + ending)
            if os.path.isfile(path):
                return path
    return ""


def text_of(path):
    """Return the text of a file."""
    with io.open(path, encoding="utf-8", errors="replace") as file:
        return file.read()


class Command(object):
    """A running command, whose output goes to files in a folder."""

    def __init__(self, words, folder):
        from java.io import File, IOException
        from java.lang import ProcessBuilder

        self._paths = [os.path.join(folder, name) for name in ("printed.txt", "errors.txt")]
        builder = ProcessBuilder(words)
        builder.environment().put("PYTHONIOENCODING", "utf-8")
        builder.redirectOutput(File(self._paths[0])).redirectError(File(self._paths[1]))
        try:
            self._process = builder.start()
        except IOException as error:
            raise RestoreError("The command unsmear does not start: %s." % error.getMessage())

    def is_running(self):
        """Return whether it has not ended yet."""
        return self._process.isAlive()

    def stop(self):
        """End it, and what it started; returns when it has ended."""
        if hasattr(self._process, "descendants"):  # since Java 9
            for child in self._process.descendants().toArray():
                child.destroy()
        self._process.destroy()
        self._process.waitFor()

    def result(self):
        """Return what the command says of the image; raises RestoreError where it failed."""
        printed, errors = (text_of(path) for path in self._paths)
        code = self._process.waitFor()
        if code:
            raise RestoreError(reason(errors or printed) or "unsmear ended with code %d." % code)
        return outcome(printed)


def restored_files(imp, program, folder, *motion):
    """Restore an image; returns the paths of the results, none if nothing changed, and the outcome.

    The first is the image; its uncertainty may follow. Raises RestoreError.
    """
    image = os.path.join(folder, file_name(imp.getTitle()))
    output = os.path.join(folder, "restored")
    save(imp, image)
    outcome = wait(Command(command_line(program, image, output, *motion), folder))
    path = os.path.join(output, os.path.basename(image))
    if filecmp.cmp(image, path, shallow=False):
        return [], outcome
    uncertainty = path + ".error.tif"
    return [path] + [uncertainty] * os.path.exists(uncertainty), outcome


def save(imp, path):
    """Write an image as a TIFF of ImageJ; the open image still counts as not saved if it did."""
    from ij.io import FileSaver

    changes = imp.changes
    if not FileSaver(imp).saveAsTiff(path):
        raise RestoreError("The image was not written to the temporary folder: is the disk full?")
    imp.changes = changes


def wait(command):
    """Wait for a command, showing the time; returns its outcome. Escape is a CancelledError."""
    from ij import IJ
    from java.lang import System, Thread

    IJ.resetEscape()
    start = System.currentTimeMillis()
    while command.is_running():
        if IJ.escapePressed():
            command.stop()
            raise CancelledError("Unsmear was cancelled; nothing has changed")
        seconds = (System.currentTimeMillis() - start) // 1000
        IJ.showStatus("Unsmear works on the image: %d s (Esc cancels)" % seconds)
        Thread.sleep(200)
    return command.result()


def opened(path, imp):
    """Return a result as an image, with title, calibration and position of the original."""
    from ij import WindowManager
    from ij.io import Opener

    result = Opener().openTiff(os.path.dirname(path) + os.sep, os.path.basename(path))
    if result is None:
        raise RestoreError("The result could not be opened: is there enough memory for it?")
    kind = "uncertainty" if path.endswith(".error.tif") else "restored"
    title = "%s-%s.tif" % (os.path.splitext(imp.getTitle())[0], kind)
    result.setTitle(WindowManager.makeUniqueName(title))
    if result.getBitDepth() == imp.getBitDepth():
        result.setCalibration(imp.getCalibration().copy())  # a TIFF rounds the pixel size
    result.setFileInfo(None)  # so that File > Save asks where
    result.setPosition(imp.getC(), imp.getZ(), imp.getT())
    return result


def restore(imp, program, *motion):
    """Return the restored image in a list, empty if nothing changed, and the command's sentence.

    With the option --uncertainty it is followed by the uncertainty.
    imp: an `ij.ImagePlus`, left as it is. motion: `length`, `angle`, `options` of `command_line`.
    """
    from ij import ImagePlus
    from java.nio.file import Files

    if imp.getType() == ImagePlus.COLOR_RGB:
        raise RestoreError(RGB)
    folder = Files.createTempDirectory("unsmear").toString()
    try:
        paths, outcome = restored_files(imp, program, folder, *motion)
        return [opened(path, imp) for path in paths], outcome
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def find_program():
    """Return the command's path, from the preferences or by asking once; None if cancelled."""
    from ij import Prefs
    from ij.gui import GenericDialog

    path = Prefs.get("unsmear.command", "")
    if os.path.isfile(path):
        return path
    dialog = GenericDialog(TITLE)
    dialog.addMessage("Where is the command unsmear? This is asked once. In a terminal,\n"
                      "'which unsmear' (on Windows 'where unsmear') shows its path.")  # fmt: skip
    dialog.addFileField("Command", path or on_path(), 40)
    dialog.showDialog()
    if dialog.wasCanceled():
        return None
    path = dialog.getNextString().strip()
    if not os.path.isfile(path):
        raise RestoreError(NOT_FOUND % path)
    Prefs.set("unsmear.command", path)
    Prefs.savePreferences()
    return path


def ask_motion(imp):
    """Return the length, angle and options that the user chose, or None if cancelled."""
    from ij.gui import GenericDialog, Line

    line = imp.getRoi()
    drawn = isinstance(line, Line)
    length, angle = line_motion(line.x1d, line.y1d, line.x2d, line.y2d) if drawn else (0, 0)
    dialog = GenericDialog("Remove motion blur")
    dialog.addMessage("Length 0: Unsmear finds the motion in the image.\n"
                      "Or draw a straight line along a smear before.")  # fmt: skip
    dialog.addNumericField("Length", length, 1, 7, "pixels")
    dialog.addNumericField("Angle", angle, 1, 7, "degrees, anticlockwise from the right")
    dialog.addStringField("Options", "", 25)
    dialog.showDialog()
    if dialog.wasCanceled():
        return None
    return dialog.getNextNumber(), dialog.getNextNumber(), dialog.getNextString()


def show(results, outcome):
    """Show the results and what the command says; only that where nothing changed."""
    from ij import IJ

    IJ.log(outcome)
    for result in results:
        result.show()
        result.changes = True
    if not results:
        IJ.showMessage(TITLE, textwrap.fill(outcome, 80))


def main():
    """Restore the active image and show the result."""
    from ij import IJ, WindowManager

    imp = WindowManager.getCurrentImage()
    try:
        if imp is None:
            raise RestoreError("There is no open image: open one, then choose this command again.")
        program = find_program()
        motion = program and ask_motion(imp)
        if motion:
            show(*restore(imp, program, *motion))
            IJ.showStatus("Unsmear is done")
    except CancelledError as cancelled:
        IJ.showStatus("%s" % cancelled)
    except RestoreError as error:
        IJ.showStatus("")
        IJ.error(TITLE, textwrap.fill("%s" % error, 80))


if __name__ in ("__main__", "__builtin__"):  # Fiji runs scripts under either name
    main()
