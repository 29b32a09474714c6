#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Unpacks the same layers and images with lamina and with everything else that does it.

Every run gets a fresh filesystem, contenders take turns, medians are printed beside the roofline
of the same minutes. Adds to results.jsonl in the folder given by --out (after --quick it holds
that run alone), and draws SVG plots there.
"""
import argparse
import sys
from pathlib import Path

sys.dont_write_bytecode = True  # the checkout stays as it is
sys.path.append(str(Path(__file__).resolve().parent.parent / "tests" / "e2e"))

from layers import synthetic
from layers.corpus import FORMS, IMAGES, Corpus, default_directory
from lib import peers, prerequisites
from measure import command, filesystem, plan
from measure.engines import CONDITIONS
from measure.results import Results

def main():
    options = arguments()
    return command.run(options, plan.programs(options.build), prepare, measure)


def arguments():
    parser = command.option_parser(__doc__)
    parser.add_argument("--only", type=one_of(plan.PARTS), metavar="PART,...",
                        help=f"of {','.join(plan.PARTS)} (default: all but engines; "
                             "all if quick)")
    parser.add_argument("--layers", type=lambda text: text.split(","), metavar="NAME,...",
                        help="in the corpus (default: those of the image; "
                             "for engines npm,binaries)")
    parser.add_argument("--images", type=one_of(IMAGES), metavar="NAME,...",
                        help=f"of {','.join(IMAGES)} (default: image; all if quick)")
    parser.add_argument("--forms", type=one_of(FORMS), metavar="FORM,...",
                        default=["tar.gz", "tar.zst"],
                        help=f"of {','.join(FORMS)} (engines: the first of them alone)")
    parser.add_argument("--filesystems", type=one_of(filesystem.KINDS), metavar="KIND,...",
                        default=filesystem.KINDS, help="of the part engines (default: all)")
    parser.add_argument("--conditions", type=one_of(CONDITIONS), metavar="NAME,...",
                        default=CONDITIONS, help="of the part engines: where the blob lies, "
                        f"of {','.join(CONDITIONS)} (default: all)")
    parser.add_argument("--contenders", nargs="+", metavar="NAME",
                        help="only these of the tables' first column, and the roofline")
    parser.add_argument("--corpus", type=Path, help="folder that bench/corpus.sh made")
    options = command.parse(parser, quick_runs=1)
    options.only = options.only or [part for part in plan.PARTS
                                    if options.quick or part != "engines"]
    options.images = options.images or IMAGES[:None if options.quick else 1]
    return options


def one_of(names):
    """A list with commas whose parts have to be among `names`."""
    def parse(text):
        if unknown := [name for name in text.split(",") if name not in names]:
            raise argparse.ArgumentTypeError(f"not of {','.join(names)}: {','.join(unknown)}")
        return text.split(",")
    return parse


def corpus_of(options):
    return Corpus(options.corpus or default_directory(options.quick), options.quick)


def prepare(options):
    prerequisites.require_programs("bash", "findmnt")
    corpus = corpus_of(options)
    corpus.make([name for name in options.layers or () if name in synthetic.SHAPES])
    if {"image", "pull"}.intersection(options.only):
        prerequisites.require_programs("skopeo")
        peers.prepare()
        for name in options.images:
            corpus.make_image(name)


def measure(options):
    with Results(options.out, options.filesystem, add=not options.quick) as results:
        bench = plan.Bench(options, corpus_of(options), results)
        for part in options.only:
            plan.PARTS[part](bench)
    results.finish()


if __name__ == "__main__":
    sys.exit(main())
