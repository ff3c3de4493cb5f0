/* Remove motion blur from the open image with Unsmear: a script for QuPath 0.5 to 0.7.
 *
 * The selected annotation's bounding box, or the whole of a small image, goes at full resolution to
 * the command line `unsmear restore` as an OME-TIFF in a temporary folder. The result is added to
 * the project, or saved where you say, and opened with the display settings of the image. See
 * docs/how-to/fiji-and-qupath.md.
 */
import groovy.transform.Field
import java.nio.file.Files
import java.nio.file.Path
import java.nio.file.StandardCopyOption
import java.util.regex.Pattern
import javafx.stage.FileChooser
import qupath.fx.dialogs.Dialogs
import qupath.fx.dialogs.FileChoosers
import qupath.fx.utils.FXUtils
import qupath.lib.display.settings.DisplaySettingUtils
import qupath.lib.gui.commands.ProjectCommands
import qupath.lib.gui.prefs.PathPrefs
import qupath.lib.gui.scripting.QPEx
import qupath.lib.images.servers.ImageServers
import qupath.lib.images.writers.ome.OMEPyramidWriter
import qupath.lib.regions.ImageRegion
import qupath.lib.roi.LineROI

@Field final String TITLE = 'Unsmear'
@Field final double MEGAPIXELS = 33  // of an image that is sent whole
@Field final String RGB = 'This image is RGB, colours for display, and Unsmear takes the ' +
    'intensities that were recorded. Open the original file with its channels; if a colour ' +
    'camera recorded it, set its type to bright field in the Image tab.'
@Field final String NOT_FOUND = 'The command unsmear must be a program of this computer, got ' +
    '"%s". "which unsmear" (on Windows "where unsmear") in a terminal shows where it is.'

/** What went wrong, in a sentence for the user. */
class RestoreException extends Exception {
    RestoreException(String sentence) { super(sentence) }
}

/** Return the words of a call that restores an image into a folder; quotes keep words together. */
List<String> commandLine(String program, Path image, Path folder, String options) {
    def words = (options =~ /"([^"]*)"|'([^']*)'|(\S+)/).collect { it[1] ?: it[2] ?: it[3] }
    [program, 'restore', image as String, '--output', folder as String] + words
}

/** Return the options for a motion along a line, degrees anticlockwise from the right. */
String motionOptions(double x1, double y1, double x2, double y2) {
    double angle = (Math.toDegrees(Math.atan2(y1 - y2, x2 - x1)) + 360) % 180
    String.format(Locale.ROOT, '--length %.1f --angle %.1f', Math.hypot(x2 - x1, y2 - y1), angle)
}

/** Return a name without its ending for files, which no system and no pattern reads anew. */
String fileName(String name) {
    def stem = name.replaceAll(/(\.ome)?\.[A-Za-z]\w{0,4}$/, '').replaceAll(/[^\w .()+-]/, '_')
    stem.take(80).replaceAll(/^[ .]+|[ .]+$/, '') ?: 'image'
}

/** Return what the command says of the image, without the path of the result. */
String outcome(String printed) {
    printed.trim().replaceAll(/ -> .*/, '')
}

/** Return the command's own sentence of an error, without the frame around it. */
String reason(String printed) {
    def framed = (printed =~ /(?m)^\u2502 (.*?)\s*\u2502\s*$/).collect { it[1] }
    framed ? framed.join(' ') : printed.trim().replaceFirst(/^unsmear: /, '')
}

/** Return the path of a program that the shell's PATH names, or "" where there is none. */
String onPath(String name) {
    def folders = (System.getenv('PATH') ?: '').split(Pattern.quote(File.pathSeparator))
    def files = folders.collectMany { [new File(it, name), new File(it, name + '.exe')] }
    files.find { it.isFile() }?.path ?: ''
}

/** Run the command and return what it says of the image; an interrupt ends it. */
String run(List<String> words, Path folder) {
    def printed = folder.resolve('printed.txt').toFile()
    def errors = folder.resolve('errors.txt').toFile()
    def builder = new ProcessBuilder(words).redirectOutput(printed).redirectError(errors)
    builder.environment().put('PYTHONIOENCODING', 'utf-8')
    Process process
    try {
        process = builder.start()
    } catch (IOException error) {
        throw new RestoreException("The command unsmear does not start: ${error.message}.")
    }
    try {
        if (process.waitFor() != 0) {
            def said = reason(errors.getText('UTF-8') ?: printed.getText('UTF-8'))
            throw new RestoreException(said ?: "unsmear ended with code ${process.exitValue()}.")
        }
    } finally {
        process.descendants().toArray().each { it.destroy() }
        process.destroy()
        process.waitFor()
    }
    outcome(printed.getText('UTF-8'))
}

/** Return the command's path, from the preferences or by asking once; null if cancelled. */
String findProgram() {
    def preference = PathPrefs.createPersistentPreference('unsmearCommand', '')
    def path = preference.get()
    if (!new File(path).isFile()) {
        path = Dialogs.showInputDialog(TITLE, 'Where is the command unsmear? This is asked once. ' +
            'In a terminal, "which unsmear" (on Windows "where unsmear") shows its path.',
            path ?: onPath('unsmear'))?.trim()
        if (path == null)
            return null
        if (!new File(path).isFile())
            throw new RestoreException(String.format(NOT_FOUND, path))
        preference.set(path)
    }
    path
}

/** Return what is sent: the box around an annotation, or a small image as a whole. */
ImageRegion chosenRegion(server, roi) {
    if (roi != null && roi.isArea()) {
        int x = Math.max(0, Math.floor(roi.getBoundsX()))
        int y = Math.max(0, Math.floor(roi.getBoundsY()))
        int right = Math.min(server.getWidth(), Math.ceil(roi.getBoundsX() + roi.getBoundsWidth()))
        int bottom =
            Math.min(server.getHeight(), Math.ceil(roi.getBoundsY() + roi.getBoundsHeight()))
        return ImageRegion.createInstance(x, y, right - x, bottom - y, 0, 0)
    }
    double size = server.getWidth() / 1e6 * server.getHeight()
    if (size > MEGAPIXELS)
        throw new RestoreException(String.format(Locale.ROOT, 'This image has %.0f megapixels: ' +
            'select an annotation, whose box is restored, or restore the whole file by ' +
            '"unsmear restore FILE --output FOLDER" in a terminal.', size))
    ImageRegion.createInstance(0, 0, server.getWidth(), server.getHeight(), 0, 0)
}

/** Return a new file for the result: in the project's folder, else where the user says, or null. */
File chosenFile(project, String name) {
    if (project == null) {
        def filter = new FileChooser.ExtensionFilter('OME-TIFF', '*.ome.tif')
        return FileChoosers.promptToSaveFile(TITLE, new File(name + '.ome.tif'), filter)
    }
    def folder = project.getPath().getParent().resolve('unsmear').toFile()
    folder.mkdirs()
    def endings = ['.ome.tif'] + (2..999).collect { "-${it}.ome.tif" }
    endings.collect { new File(folder, name + it) }.find { !it.exists() }
}

/** Open the result with the display settings of the image; in a project it is a new entry. */
void open(File file, imageData) {
    def qupath = QPEx.getQuPath()
    def viewer = QPEx.getCurrentViewer()
    def project = QPEx.getProject()
    def settings = DisplaySettingUtils.displayToSettings(viewer.getImageDisplay(), TITLE)
    def entry = null
    if (project != null) {
        def server = ImageServers.buildServer(file.path)
        entry = ProjectCommands.addSingleImageToProject(project, server, imageData.getImageType())
        server.close()
        entry.setImageName(file.name)
        project.syncChanges()
    }
    FXUtils.callOnApplicationThread {
        if (entry != null) {
            qupath.refreshProject()
            qupath.openImageEntry(entry)
        } else {
            qupath.openImage(viewer, file.path)
        }
        QPEx.applyDisplaySettings(viewer, settings)
    }
}

/** Restore the region and open the result; says why not where nothing changed. */
void restore(imageData, ImageRegion region, String program, String options, Path folder) {
    def server = imageData.getServer()
    def name = fileName(server.getMetadata().getName())
    if (region.getWidth() < server.getWidth() || region.getHeight() < server.getHeight())
        name += " x${region.getX()} y${region.getY()}"
    def image = folder.resolve(name + '.ome.tif')
    OMEPyramidWriter.writeImage(server, image as String,
        OMEPyramidWriter.CompressionType.UNCOMPRESSED, region, true, true)
    def said = run(commandLine(program, image, folder.resolve('restored'), options), folder)
    println said
    def result = folder.resolve('restored').resolve(image.fileName)
    if (Files.mismatch(image, result) < 0) {
        Dialogs.showPlainMessage(TITLE, said)
        return
    }
    def file = chosenFile(QPEx.getProject(), name + '-restored')
    if (file == null)
        return
    Files.move(result, file.toPath(), StandardCopyOption.REPLACE_EXISTING)
    open(file, imageData)
    Dialogs.showInfoNotification(TITLE, said)
}

/** Restore the open image: what the script does. */
void restoreOpenImage() {
    def imageData = QPEx.getCurrentImageData()
    if (imageData == null)
        throw new RestoreException('There is no open image: open one, then run this script again.')
    if (imageData.getServer().isRGB() && !imageData.isBrightfield())
        throw new RestoreException(RGB)
    def roi = QPEx.getSelectedObject()?.getROI()
    def region = chosenRegion(imageData.getServer(), roi)
    def program = findProgram()
    def options = program == null ? null : Dialogs.showInputDialog('Remove motion blur',
        'Options, such as --length 10 --angle 40; without a length Unsmear finds the motion.',
        roi instanceof LineROI ? motionOptions(roi.getX1(), roi.getY1(), roi.getX2(), roi.getY2()) : '')
    if (options == null)
        return
    def folder = Files.createTempDirectory('unsmear')
    try {
        Dialogs.showInfoNotification(TITLE, 'Working. Run > Kill running script cancels.')
        restore(imageData, region, program, options, folder)
    } finally {
        folder.toFile().deleteDir()
    }
}

try {
    restoreOpenImage()
} catch (RestoreException error) {
    println error.message
    Dialogs.showErrorMessage(TITLE, error.message)
} catch (InterruptedException cancelled) {
    println 'Unsmear was cancelled; nothing has changed'
}
