# SPDX-License-Identifier: Apache-2.0
"""Containers on lamina's mounts, also while the daemon is away."""
from lib.container import Container, run_once
from lib.expect import contains, equal
from lib.registration import case


def pulled(stage, parallel=False):
    stage.start(parallel=parallel)
    reference = stage.push("gzip")
    stage.containerd.pull(reference, "lamina")
    return reference


@case("1.6", "1.7", "2.3")
def container_prints_a_line_from_the_topmost_layer(stage):
    reference = pulled(stage)
    printed = run_once(stage.containerd, reference, "lamina", "/bin/bash", "-c",
                       "perl -e 'print qq(perl here\n)'; cat /etc/motd")
    contains("output", printed, "perl here\nlayers put together by lamina\n")


@case("1.6", "1.7", "2.3")
def container_runs_on_an_overlay_of_laminas_folders(stage):
    reference = pulled(stage)
    with Container(stage.containerd, reference, "lamina", "looked-at") as container:
        line = container.root_mount()
    contains("mount", line, " overlay overlay ")
    for option in ("lowerdir=", "upperdir=", "workdir="):
        contains("mount", line, f"{option}{stage.lamina.root}/snapshots/")
    equal("layers in the mount", line.count("/fs"), len(stage.image.diff_ids) + 1)


@case("1.7", "2.3")
def container_sees_no_file_that_a_layer_deletes(stage):
    reference = pulled(stage, parallel=stage.version == "2.3")
    printed = run_once(stage.containerd, reference, "lamina", "/bin/sh", "-c",
                       "cd /usr/share; ls -d doc/bash zoneinfo/Asia/* zoneinfo/Europe/* "
                       "/opt/no/* /srv/zoo/fifo /srv/zoo/exact-too 2>/dev/null; true")
    equal("files found", printed.split(),
          ["/opt/no/more", "zoneinfo/Asia/Only", "zoneinfo/Europe/Only"])


@case("1.7", "2.3")
def container_writes_go_to_the_upper_folder(stage):
    reference = pulled(stage)
    with Container(stage.containerd, reference, "lamina", "writer") as container:
        container.exec("echo mine > /written; echo changed >> /etc/motd")
        upper = container.upper_folder()
        equal("written", (upper / "written").read_text(), "mine\n")
        equal("copied up", (upper / "etc/motd").read_text(),
              "layers put together by lamina\nchanged\n")


def interrupt_daemon_under_container(stage, interrupt):
    reference = pulled(stage)
    with Container(stage.containerd, reference, "lamina", "survivor") as container:
        container.exec("echo before > /written")
        interrupt(stage.lamina)
        contains("while away", container.exec("cat /written"), "before")
        stage.restart_lamina()
        container.exec("echo after >> /written")
        contains("afterwards", container.exec("cat /written"), "before\nafter\n")
        contains("new container", run_once(stage.containerd, reference, "lamina", "/bin/cat",
                                           "/etc/motd"), "lamina")


@case("1.7", "2.3")
def restart_leaves_running_container_alone(stage):
    interrupt_daemon_under_container(stage, lambda daemon: daemon.stop())


@case("1.7", "2.3")
def sigkill_leaves_running_container_alone(stage):
    interrupt_daemon_under_container(stage, lambda daemon: daemon.kill())
