"""What tests/recipes/test_fiji.py does in ImageJ: Jython 2.7, ends by writing answers as JSON.

Arguments: the recipe, the command unsmear, an image, a folder.
"""

import imp
import json
import os
import sys
import traceback

from ij import IJ, ImageJ, ImagePlus, Macro, Prefs, WindowManager
from ij.process import ColorProcessor
from java.awt.event import KeyEvent
from java.io import FileReader
from java.lang import System, Thread
from org.python.core import Py
from org.python.util import PythonInterpreter

sys.dont_write_bytecode = True  # Jython would write beside the recipe
recipe, unsmear, image, folder = (word.decode("utf-8") for word in sys.argv[1:])
fiji = imp.load_source("fiji", recipe)


def program(name, *lines):
    """Return the path of a stand-in for the command."""
    path = os.path.join(folder, name)
    with open(path, "w") as file:
        file.write("#!/bin/sh\n" + "\n".join(lines))
    os.chmod(path, 0o755)
    return path


def described(shown):
    """Return what a restored image must have in common with its original."""
    scale = shown.getCalibration()
    channels = [shown.getChannelLut(number + 1) for number in range(shown.getNChannels())]
    return {
        "size": list(shown.getDimensions()),
        "bits": shown.getBitDepth(),
        "scale": [scale.pixelWidth, scale.pixelHeight, scale.pixelDepth, scale.frameInterval],
        "unit": scale.getUnit(),
        "mode": shown.getMode(),
        "ranges": [[lut.min, lut.max] for lut in channels],
        "colours": [lut.getBytes().tolist() for lut in channels],
        "labels": [shown.getStack().getSliceLabel(n + 1) for n in range(shown.getStackSize())],
        "position": [shown.getC(), shown.getZ(), shown.getT()],
    }


def refused(*words):
    """Return the sentence with which an image is refused."""
    try:
        fiji.restore(*words)
    except fiji.RestoreError as error:
        return error.args[0]


def cancelled(shown):
    """Return the sentence after Escape, and whether the command has ended."""
    path = os.path.join(folder, "pid")
    slow = program("slow", 'echo $$ > "$(dirname "$0")/pid"', "sleep 60")

    def press_escape():
        while not os.path.exists(path):
            Thread.sleep(50)
        IJ.setKeyDown(KeyEvent.VK_ESCAPE)

    Thread(press_escape).start()
    sentence = refused(shown, slow)
    return sentence, not os.path.exists("/proc/" + open(path).read().strip())


def from_the_menu(shown):
    """Return the titles of what the script shows, run as Fiji's engine does, called by a macro."""
    Prefs.set("unsmear.command", unsmear)
    WindowManager.setTempCurrentImage(shown)
    Thread.currentThread().setName("Run$_Remove_Motion_Blur")
    Macro.setOptions("length=6 angle=30 options=[--per file --uncertainty]")
    IJ.redirectErrorMessages(True)  # a window would wait for ever
    interpreter = PythonInterpreter()
    script = interpreter.compile(FileReader(recipe), recipe)
    Py.runCode(script, None, interpreter.getLocals())
    return [WindowManager.getImage(number).getTitle() for number in WindowManager.getIDList()]


def answers():
    """Return all answers."""
    shown = IJ.openImage(image)
    shown.setPosition(2, 1, 2)
    shown.changes = True
    before = described(shown)
    pixels = shown.getProcessor().getPixelsCopy()
    (restored,), sentence = fiji.restore(shown, unsmear, 6, 30, "--method wiener")
    copying = program("copying", 'mkdir "$4" && cp "$2" "$4" && echo "cells: no motion -> x"')
    return {
        "version": IJ.getVersion(),
        "before": before,
        "after": described(restored),
        "sentence": sentence,
        "title": restored.getTitle(),
        "same pixels": restored.getProcessor().getPixels() == pixels,
        "original": [described(shown) == before, shown.changes, shown.getTitle()],
        "unchanged": fiji.restore(shown, copying),
        "rgb": refused(ImagePlus("rgb", ColorProcessor(9, 9)), unsmear),
        "wrong option": refused(shown, unsmear, 0, 0, "--metod wiener"),
        "wrong value": refused(shown, unsmear, 0, 0, "--method none"),
        "missing": refused(shown, os.path.join(folder, "nowhere")),
        "cancelled": cancelled(shown),
        "menu": from_the_menu(shown),
        "log": IJ.getLog(),
        "left": os.listdir(System.getProperty("java.io.tmpdir")),
    }


def give_up():
    """End Java where a window waits for an answer; the test then fails."""
    Thread.sleep(100000)
    System.exit(1)


waiting = Thread(give_up)
waiting.setDaemon(True)
waiting.start()
ImageJ()
try:
    with open(os.path.join(folder, "answers.json"), "w") as file:
        json.dump(answers(), file)
    System.exit(0)
except:  # noqa: E722  # also what Java throws
    traceback.print_exc()
    System.exit(1)  # ImageJ's window would keep Java running
