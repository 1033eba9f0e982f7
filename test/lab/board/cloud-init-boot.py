"""Debian's own cloud-init, its four stages of a boot in one process: starting Python four times is what takes long.

Between the stages of the local and of the networked part it prints "network" and waits for a line: whoever started it
brings the network up meanwhile, as the init system does.
"""
import os
import sys

from cloudinit.cmd import main as cloud_init

log = os.open("/var/log/cloud-init-output.log", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o640)
report = os.fdopen(os.dup(1), "w")
answer = os.fdopen(os.dup(0))
os.dup2(log, 1)
os.dup2(log, 2)


def stage(*arguments):
    sys.argv = ["cloud-init", *arguments]
    try:
        return cloud_init.main(sys.argv)
    except SystemExit as exit:
        return exit.code


stage("init", "--local")
report.write("network\n")
report.flush()
answer.readline()
stage("init")
stage("modules", "--mode=config")
stage("modules", "--mode=final")
report.write("done\n")
report.flush()
