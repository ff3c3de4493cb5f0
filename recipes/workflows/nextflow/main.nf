// Restores every image that a pattern names, one task an image; an OME-Zarr is one image or plate:
//   nextflow run main.nf --input 'images/*.tif' --output restored

process RESTORE {
    tag "${image.name}"
    cpus 1
    memory params.memory
    errorStrategy 'retry'
    maxRetries 1
    publishDir params.output, mode: 'copy'

    input:
    path image, stageAs: 'input/*'

    output:
    path 'restored/*', emit: restored

    script:
    """
    OMP_NUM_THREADS=${task.cpus} unsmear restore '${image}' --output restored ${params.options}
    """
}

workflow {
    images = channel.fromPath(params.input, type: 'any', checkIfExists: true)
    RESTORE(images)
}
