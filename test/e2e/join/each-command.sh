#!/bin/sh
# each-command.sh FOLDER: what sshd runs in place of each command. FOLDER/commands has a line for each; FOLDER/cut, if it is
# there, says once for which of them (its number) what is to become of it and of its session:
#   before   the session is lost, the command never runs
#   during   the session is lost, the command goes on
#   after    the command runs, the session is lost before anybody hears of it
#   hold     it waits for FOLDER/release, and runs then, whoever is still there to hear
#   hold-after  the same once it has run
control=$1
command=$SSH_ORIGINAL_COMMAND
printf '%s\n' "$(printf %s "$command" | tr '\n' ' ' | cut -c 1-400)" >> "$control/commands"
number=$(wc -l < "$control/commands")
at=0 how=
[ ! -e "$control/cut" ] || read -r at how < "$control/cut"
[ "$number" -eq "$at" ] || exec sh -c "$command"
rm "$control/cut"
# A signal to the session is what a lost connection is to sshd: nobody is told anything.
lost() { kill -9 "$PPID"; }
wait_for_release() { while [ ! -e "$control/release" ]; do sleep 0.2; done; }
case $how in
  before) echo "$how" > "$control/done"; lost ;;
  during) sh -c "$command" <&0 & echo "$how" > "$control/done"; sleep 0.2; lost; wait ;;
  after) sh -c "$command" > /dev/null 2>&1; echo "$how" > "$control/done"; lost ;;
  hold) echo "$how" > "$control/done"; wait_for_release; exec sh -c "$command" ;;
  hold-after) sh -c "$command" > /dev/null 2>&1; echo "$how" > "$control/done"; wait_for_release ;;
esac
exit 255
