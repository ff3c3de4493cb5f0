/* What tests/recipes/test_qupath.py does with the script, with stand-ins for the classes of QuPath
 * that it calls. Arguments: the script, a folder with image.ome.tif, the command unsmear. Prints
 * what was called after the name of each case.
 */
def (recipe, folder, unsmear) = args
System.setProperty('folder', folder)
def loader = new GroovyClassLoader()
def standIn(loader, place, code) { loader.parseClass("package $place\n$code") }

standIn(loader, 'javafx.stage', '''class FileChooser { static class ExtensionFilter {
    ExtensionFilter(String title, String... endings) {} } }''')
standIn(loader, 'qupath.fx.utils', '''class FXUtils {
    static callOnApplicationThread(java.util.concurrent.Callable work) { work.call() } }''')
standIn(loader, 'qupath.fx.dialogs', '''class Dialogs {
    static command, options
    static showInputDialog(String title, String text, String initial) {
        println "asked: $title [$initial]"
        title == 'Unsmear' ? command : options == 'as offered' ? initial : options }
    static showErrorMessage(String title, String text) { println "error: $text" }
    static showPlainMessage(String title, String text) { println "message: $text" }
    static showInfoNotification(String title, String text) { println "notified: $text" } }''')
standIn(loader, 'qupath.fx.dialogs', '''class FileChoosers {
    static promptToSaveFile(String title, File file, javafx.stage.FileChooser.ExtensionFilter... x) {
        new File(System.getProperty('folder'), 'chosen ' + file.name) } }''')
standIn(loader, 'qupath.lib.display.settings', '''class DisplaySettingUtils {
    static displayToSettings(display, String name) { "settings of $display" } }''')
standIn(loader, 'qupath.lib.gui.commands', '''class ProjectCommands {
    static addSingleImageToProject(project, server, type) {
        println "added: ${new File(server.path).name}, $type"
        new Expando(setImageName: { println "named: $it" }) } }''')
standIn(loader, 'qupath.lib.gui.prefs', '''class PathPrefs {
    static kept = ''
    static createPersistentPreference(String name, String initial) {
        new Expando(get: { kept }, set: { kept = it }) } }''')
standIn(loader, 'qupath.lib.gui.scripting', '''class QPEx {
    static project, imageData, selected
    static getQuPath() { new Expando(
        openImage: { viewer, path -> println "opened: ${new File(path).name}" },
        openImageEntry: { println 'opened the entry' }, refreshProject: {}) }
    static getProject() { project }
    static getCurrentImageData() { imageData }
    static getCurrentViewer() { new Expando(getImageDisplay: { 'the display' }) }
    static getSelectedObject() { selected }
    static applyDisplaySettings(viewer, settings) { println "applied: $settings" } }''')
standIn(loader, 'qupath.lib.images.servers', '''class ImageServers {
    static buildServer(String path, String... x) { new Expando(path: path, close: {}) } }''')
standIn(loader, 'qupath.lib.images.writers.ome', '''class OMEPyramidWriter {
    enum CompressionType { UNCOMPRESSED }
    static writeImage(server, String path, CompressionType x, region, boolean z, boolean t) {
        println "written: ${new File(path).name} of $region"
        new File(path).bytes = new File(System.getProperty('folder'), 'image.ome.tif').bytes } }''')
standIn(loader, 'qupath.lib.regions', '''class ImageRegion {
    int x, y, width, height
    static createInstance(int x, int y, int width, int height, int z, int t) {
        new ImageRegion(x: x, y: y, width: width, height: height) }
    String toString() { "$x,$y ${width}x$height" } }''')
standIn(loader, 'qupath.lib.roi', '''class LineROI {
    double x1 = 10, y1 = 20, x2 = 15.2, y2 = 17
    boolean isArea() { false } }''')

def image(width, height, rgb = false) {
    def server = new Expando(getWidth: { width }, getHeight: { height }, isRGB: { rgb },
        getMetadata: { new Expando(getName: { 'My slide: 1.svs - 20x' }) })
    new Expando(getServer: { server }, isBrightfield: { false }, getImageType: { 'FLUORESCENCE' })
}
def program(folder, name, lines) {
    def file = new File(folder, name)
    file.text = '#!/bin/sh\n' + lines
    file.setExecutable(true)
    file.path
}
def qupath = loader.loadClass('qupath.lib.gui.scripting.QPEx')
def dialogs = loader.loadClass('qupath.fx.dialogs.Dialogs')
def prefs = loader.loadClass('qupath.lib.gui.prefs.PathPrefs')
def run = { name, command, options = '', data = image(96, 64), roi = null, project = null ->
    println "case: $name"
    dialogs.command = command
    dialogs.options = options
    qupath.imageData = data
    qupath.project = project
    qupath.selected = roi == null ? null : new Expando(getROI: { roi })
    new GroovyShell(loader).run(new File(recipe), [] as String[])
}

def project = new Expando(getPath: { new File(folder, 'project.qpproj').toPath() }, syncChanges: {})
def box = new Expando(isArea: { true }, getBoundsX: { 8970.5d }, getBoundsY: { -3.0d },
    getBoundsWidth: { 40.0d }, getBoundsHeight: { 30.2d })
def line = loader.loadClass('qupath.lib.roi.LineROI').getDeclaredConstructor().newInstance()
run('no command', '/nowhere/unsmear')
run('project', unsmear, 'as offered', image(96, 64), line, project)
run('region', '', '--length 6 --angle "30"', image(9000, 9000), box)
run('error', '', '--metod wiener')
run('large', '', '', image(9000, 9000))
run('rgb', '', '', image(96, 64, true))
run('no image', '', '', null)
run('cancelled', '', null)
prefs.kept = program(folder, 'copying', 'mkdir "$4" && cp "$2" "$4" && echo "a: no motion -> x"')
run('unchanged', '')
def pid = new File(folder, 'pid')
prefs.kept = program(folder, 'slow', 'echo $$ > "$(dirname "$0")/pid"\nsleep 60')
def script = Thread.currentThread()
Thread.start { while (!pid.exists() || !pid.text.trim()) sleep(50); script.interrupt() }
run('killed', '')
println "ended: ${!new File('/proc/' + pid.text.trim()).exists()}"
println "left: ${new File(System.getProperty('java.io.tmpdir')).list()}"
