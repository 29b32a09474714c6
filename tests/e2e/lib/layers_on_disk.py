# SPDX-License-Identifier: Apache-2.0
"""Finds the folder of each layer of an unpacked image, by what containerd is told to mount."""
import os
import re

from lib.manifest import paths_below


def layer_folders(containerd, snapshotter, chain_ids):
    """Base first. A view of the topmost snapshot names all of them as its lowerdirs."""
    snapshots = ("snapshots", "--snapshotter", snapshotter)
    command = containerd.ctr(*snapshots, "view", "--target", "/x", "look", chain_ids[-1])
    containerd.ctr(*snapshots, "rm", "look", check=False)  # garbage: it may be collected already
    folders = re.search(r"lowerdir=([^,\s]+)", command).group(1).split(":")[::-1]
    assert len(folders) == len(chain_ids), f"{folders} for {len(chain_ids)} layers"
    return folders


def lower_directories(mount):
    """Of a mount as `ctr snapshots --mounts` prints it, nearest first."""
    option = next(option for option in mount["Options"] if option.startswith("lowerdir="))
    return option.removeprefix("lowerdir=").split(":")


def disk_usage(folder):
    """(bytes, inodes) as containerd counts them: blocks of each inode once, the folder's too."""
    inodes = {found.st_ino: found.st_blocks * 512 for found in map(os.lstat, paths_below(folder))}
    return sum(inodes.values()), len(inodes)
