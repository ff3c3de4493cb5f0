#!/usr/bin/env bash
# Print the SHA-256 of what the commands write, to compare before and after a change that must
# change nothing: tests/pin_outputs.sh FOLDER > now.txt; diff tests/pin_outputs.txt now.txt
# pin_outputs.txt was written on x86-64 with torch 2.13.0; other processors may round otherwise.
set -euo pipefail
mkdir -p "$1"
cd "$1"
unsmear=${UNSMEAR:-unsmear}
export OMP_NUM_THREADS=1
run() { "$unsmear" "$@" >> log.txt 2>&1; }

run synth -o cells --count 8 --size 256 --seed 3
run synth -o cells16 --count 3 --size 160 --seed 4 --bits 16
run prepare cells -o pairs --size 256 --seed 1 --length 6 14
run prepare cells -o pairs_noise --size 128 --photons 500 --read-noise 2 --repeats 2 --seed 5 --blur trajectory
run prepare cells -o pairs_paper --protocol paper
run blur cells16 -o blurred16 --length 9 --angle 33 --photons 2000 --seed 8
run restore pairs/blur -o deep-wiener --uncertainty
run restore cells -o left-alone
run restore blurred16 -o deep-wiener-fast --method deep-wiener-fast --length 9 --angle 33
run restore pairs/blur -o wiener --method wiener
run restore pairs/blur -o richardson-lucy --method richardson-lucy --length 10 --angle 20 --iterations 20
run restore pairs/blur -o wiener-local --method wiener-local
run evaluate pairs -o scores --method wiener --method deep-wiener-fast --seed 2
run train dcae --data pairs --stop.steps 4 --data.batch 2 --data.size 64 --log.validate_every 2 -o runs/dcae --seed 3
run train light --data pairs --stop.steps 3 --data.batch 2 -o runs/light --data.labels 0,2,16
run restore pairs/blur -o dcae --method runs/dcae/best
run recovery pairs -o recovery --measure nuclei --measure intensity --measure colocalisation --measure texture --method wiener --method wiener-local --classifier light-cells
run classify cells --classifier light-cells -o labels.csv
run classify cells --classifier light-cells --cells segment -o cells.csv
# Without what holds times, revisions and machines.
find . -type f ! -name log.txt ! -path '*/tensorboard/*' ! -name environment.json ! -path '*unsmear-run/*' ! -name log.csv \
  ! -name summary.json ! -name summary.md ! -name timing.csv ! -name state.pt ! -name recovery.html \
  ! -path './runs/*.json' | sort | xargs -d '\n' sha256sum
