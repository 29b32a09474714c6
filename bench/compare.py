#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Unpacks the same layers and images with lamina and with everything else that does it.

Every run gets a fresh filesystem, contenders take turns, medians are printed beside the roofline
of the same minutes. Writes results.jsonl and SVG plots to the folder given by --out.
"""
import sys
from pathlib import Path

sys.dont_write_bytecode = True  # the checkout stays as it is
sys.path.append(str(Path(__file__).resolve().parent.parent / "tests" / "e2e"))

from layers import synthetic
from layers.corpus import FORMS, Corpus, default_directory
from lib import prerequisites
from measure import command, plan
from measure.results import Results

PARTS = ["layers", "image", "sweeps"]


def main():
    options = arguments()
    return command.run(options, plan.programs(options.build), prepare, measure)


def arguments():
    parser = command.option_parser(__doc__)
    parser.add_argument("--only", type=lambda text: text.split(","), default=PARTS,
                        help="of layers,image,sweeps")
    parser.add_argument("--layers", type=lambda text: text.split(","),
                        help="names in the corpus (default: those of the image)")
    parser.add_argument("--forms", type=lambda text: text.split(","),
                        default=["tar.gz", "tar.zst"], help=f"of {','.join(FORMS)}")
    parser.add_argument("--contenders", nargs="+", metavar="NAME",
                        help="only these of the tables' first column, and the roofline")
    parser.add_argument("--corpus", type=Path, help="folder that bench/corpus.sh made")
    return command.parse(parser, quick_runs=2)


def corpus_of(options):
    return Corpus(options.corpus or default_directory(options.quick), options.quick)


def prepare(options):
    prerequisites.require_programs("skopeo", "bash")
    corpus_of(options).make([name for name in options.layers or () if name in synthetic.SHAPES])


def measure(options):
    with Results(options.out, options.filesystem) as results:
        plan.Plan(options, corpus_of(options), results).run()
    results.finish()


if __name__ == "__main__":
    sys.exit(main())
